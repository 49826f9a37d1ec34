"""Defaults from ``recaudit.toml``: below flags and ``RECAUDIT_*`` variables, above built-in defaults.

A table per command holds its options by their long names; ``[all]`` holds those of every command::

    [all]
    db = "audits/main.duckdb"

    [report]
    protocol = "recsae"
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from recaudit.errors import UsageError
from recaudit.text import printable

FILE = "recaudit.toml"
SHARED = "all"


def defaults(named: str | None, command: str | None) -> dict[str, Any]:
    """Click's ``default_map`` for one command, from the named file or the nearest one upward.

    Raises:
        UsageError: no such file, not TOML, or a key nobody reads; names file, line and the nearest known key.
    """
    path = Path(named) if named else nearest(Path.cwd())
    if path is None:
        return {}
    tables = _parsed(path)
    from recaudit.cli import COMMANDS, recaudit

    _check(path, tables, {SHARED, *COMMANDS})
    if command not in COMMANDS:
        return {}
    loaded = recaudit.get_command(click.Context(recaudit), command)
    assert loaded is not None
    names = _option_names(loaded)
    own, shared = tables.get(command, {}), tables.get(SHARED, {})
    _check(path, own, set(names))
    return {command: {names[key]: value for key, value in {**shared, **own}.items() if key in names}}


def _option_names(command: click.Command) -> dict[str, str]:
    """Long flag without its dashes -> the name click knows the option by."""
    return {
        flag.removeprefix("--"): parameter.name
        for parameter in command.params
        if parameter.name
        for flag in parameter.opts
        if flag.startswith("--")
    }


def nearest(start: Path) -> Path | None:
    return next((folder / FILE for folder in (start, *start.parents) if (folder / FILE).is_file()), None)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{printable(path)}: no such settings file", fix="check --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{printable(path)}: {error}", fix="correct the TOML") from None
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise UsageError(
                f"{printable(path)}, line {_line(path, name)}: `{printable(name)}` stands outside a table",
                fix=f"put it under [{SHARED}] or under a command's name",
            )
    return tables


def _check(path: Path, given: Iterable[str], known: set[str]) -> None:
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1) or sorted(known)[:1]
            raise UsageError(
                f"{printable(path)}, line {_line(path, key)}: unknown key `{printable(key)}`",
                fix=f"did you mean `{close[0]}`?",
            )


def _line(path: Path, key: str) -> int:
    pattern = re.compile(rf"\s*\[?\s*{re.escape(key)}\b")
    lines = path.read_text("utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if pattern.match(line)), 1)
