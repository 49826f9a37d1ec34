"""What commands share: options that mean the same everywhere, tables in five formats, progress on stderr."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from recaudit import __version__

if TYPE_CHECKING:
    import pandas as pd

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "jsonl", "csv", "md")


def db_option(function: F) -> F:
    """``--db FILE``, the same in every command."""
    return click.option(
        "--db",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("audit.duckdb"),
        show_default=True,
        help="The audit file.",
    )(function)


def sae_option(function: F) -> F:
    """``--sae NAME``: which of a model's dictionaries a command is about."""
    return click.option(
        "--sae", metavar="NAME", help="The dictionary (default: the model's newest sparse autoencoder)."
    )(function)


def at_option(function: F) -> F:
    """``--at test|latest``: which of a user's cases a command answers for."""
    return click.option(
        "--at",
        type=click.Choice(["test", "latest"]),
        default="test",
        show_default=True,
        help="The history before the held-out target, or everything known.",
    )(function)


def format_option(function: F) -> F:
    """``--format``, the same in every listing command."""
    return click.option(
        "--format",
        "format_",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="Form of the output.",
    )(function)


def limit_option(default: int) -> Callable[[F], F]:
    """``--limit N``; -1 for all."""
    return click.option(
        "--limit",
        type=click.IntRange(min=-1),
        default=default,
        show_default=True,
        help="Rows shown; -1 for all.",
    )


def show(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], format_: str, *, of: int | None = None
) -> None:
    """Write a listing to stdout, and to stderr how many rows were left out."""
    click.echo(_WRITERS[format_](list(columns), [list(row) for row in rows]), nl=False)
    if of is not None and of > len(rows):
        note(f"{len(rows):,} of {of:,} shown (--limit -1 for all)")


def show_frame(frame: pd.DataFrame, format_: str, *, of: int | None = None) -> None:
    """``show`` for a data frame, each column keeping its own type."""
    show(
        [str(name) for name in frame.columns],
        [list(row) for row in frame.itertuples(index=False)],
        format_,
        of=of,
    )


def show_json(data: dict[str, Any]) -> None:
    """Write one JSON object to stdout."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False, default=_plain))


def note(text: str) -> None:
    """Narration: stderr only, and not with --quiet."""
    if not is_quiet():
        click.echo(text, err=True)


def is_quiet() -> bool:
    """Whether ``--quiet`` was given."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.find_root().params.get("quiet"))


@dataclass(frozen=True)
class Stages:
    """Called with a stage's name when it begins. ``update`` rewrites the line shown; None without a terminal."""

    begin: Callable[[str], None]
    update: Callable[[str], None] | None

    def __call__(self, stage: str) -> None:
        self.begin(stage)


@contextmanager
def stages() -> Iterator[Stages]:
    """Report the stages of a long command on stderr: a spinner on a terminal, a line each elsewhere."""
    started = time.monotonic()
    if is_quiet() or not sys.stderr.isatty():
        yield Stages(lambda stage: note(f"{stage} …"), None)
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("") as status:
        shown: list[tuple[str, float]] = []

        def begin(stage: str) -> None:
            if shown:
                console.print(
                    f"[green]✓[/green] {shown[-1][0]} [dim]{time.monotonic() - shown[-1][1]:.1f} s[/dim]"
                )
            shown.append((stage, time.monotonic()))
            status.update(f"{stage} …")

        yield Stages(begin, status.update)
        if shown:
            console.print(
                f"[green]✓[/green] {shown[-1][0]} [dim]{time.monotonic() - started:.1f} s in all[/dim]"
            )


def _table(columns: list[str], rows: list[list[Any]]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from recaudit.report.layout import Figure

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = any(isinstance(row[index], (int, float, Figure)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="ellipsis", no_wrap=numeric)
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    # Tables cut to a terminal's width would lose data in a pipe: there they are as wide as they need.
    width = None if sys.stdout.isatty() else 10_000
    console = Console(file=io.StringIO(), width=width, highlight=False, no_color=True)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def _shown(value: Any) -> str:
    from recaudit.report.layout import number
    from recaudit.text import printable

    return printable(value, 80) if isinstance(value, str) else printable(number(_plain_or_none(value)), 80)


def _json(columns: list[str], rows: list[list[Any]]) -> str:
    body = {"schema_version": 1, "tool_version": __version__, "rows": _objects(columns, rows)}
    return json.dumps(body, ensure_ascii=False, indent=2, allow_nan=False, default=_plain) + "\n"


def _jsonl(columns: list[str], rows: list[list[Any]]) -> str:
    return "".join(
        json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain) + "\n"
        for row in _objects(columns, rows)
    )


def _csv(columns: list[str], rows: list[list[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_spreadsheet_safe(_plain_or_none(value)) for value in row] for row in rows)
    return out.getvalue()


def _md(columns: list[str], rows: list[list[Any]]) -> str:
    from recaudit.report.markdown import table_lines

    return "\n".join(table_lines(columns, rows)) + "\n"


def _spreadsheet_safe(value: Any) -> Any:
    """A cell that a spreadsheet would run as a formula starts with an apostrophe instead."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _objects(columns: list[str], rows: list[list[Any]]) -> list[dict[str, Any]]:
    return [{c: _plain_or_none(v) for c, v in zip(columns, row, strict=True)} for row in rows]


def _plain_or_none(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    # NaN and pandas' NA are the values that differ from themselves, or cannot say.
    try:
        missing = value is None or bool(value != value)
    except TypeError:
        missing = True
    return None if missing else value


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


_WRITERS: dict[str, Callable[[list[str], list[list[Any]]], str]] = {
    "table": _table,
    "json": _json,
    "jsonl": _jsonl,
    "csv": _csv,
    "md": _md,
}
