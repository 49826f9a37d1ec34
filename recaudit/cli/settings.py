"""Defaults from ``recaudit.toml``: below flags and ``RECAUDIT_*`` variables, above built-in defaults.

A table per command holds its options by their long names; ``[all]`` holds those of every command::

    [all]
    db = "audits/main.duckdb"

    [report]
    protocol = "recsae"
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recaudit.errors import UsageError
from recaudit.text import printable
from recaudit.toml_file import TomlFile

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
    file = TomlFile.read(path, "check --config")
    tables = _tables(file)
    from recaudit.cli import COMMANDS, recaudit

    if command not in COMMANDS:
        return {}
    loaded = recaudit.get_command(click.Context(recaudit), command)
    assert loaded is not None
    names = option_names(loaded)
    own, shared = tables.get(command, {}), tables.get(SHARED, {})
    file.check_keys(own, names, command)
    return {command: {names[key]: value for key, value in {**shared, **own}.items() if key in names}}


def option_names(command: click.Command) -> dict[str, str]:
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


def _tables(file: TomlFile) -> dict[str, dict[str, Any]]:
    from recaudit.cli import COMMANDS

    for name, table in file.content.items():
        if not isinstance(table, dict):
            raise UsageError(
                f"{printable(file.path)}, line {file.line(name)}: `{printable(name)}` stands outside a table",
                fix=f"put it under [{SHARED}] or under a command's name",
            )
        if name not in (SHARED, *COMMANDS):
            file.check_keys([name], {SHARED, *COMMANDS}, name)
    return file.content
