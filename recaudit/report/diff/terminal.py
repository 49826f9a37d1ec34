"""A diff on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from recaudit.report import terminal
from recaudit.report.diff.document import DiffDocument
from recaudit.text import printable

USERS = 2
"""Users whose lists are printed; the files have more."""


def render(document: DiffDocument, console: Console) -> None:
    """Print findings, then each chapter."""
    console.print(Group(*_parts(document, console.width)))


def _parts(document: DiffDocument, width: int) -> Iterator[RenderableType]:
    yield terminal.heading(f"{document.a} → {document.b}")
    yield _facts(document)
    yield terminal.heading("What changed")
    yield terminal.findings(document.findings)
    for chapter in document.chapters:
        if chapter.missing:
            yield terminal.heading(chapter.title)
            yield Text(f"  – not compared: {printable(chapter.missing)}", style="dim")
        users = 0
        for exhibit in chapter.exhibits:
            users += exhibit.table.name.startswith("diff_user_")
            if users <= USERS:
                yield from terminal.section(exhibit.table, width)


def _facts(document: DiffDocument) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    grid.add_row("", Text("A", style="bold"), Text("B", style="bold"))
    for name, a, b in document.facts:
        grid.add_row(f"  {name}", Text(printable(a)), Text(printable(b)))
    return grid
