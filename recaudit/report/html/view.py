"""What templates are given: texts and numbers already written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from recaudit.report import charts, layout
from recaudit.report.model import Exhibit, FindingRow, TableSection
from recaudit.text import printable

CELL = 300
"""Characters of a text cell."""
MOST_ROWS, MOST_COLUMNS = 400, 60
"""Of a table in the page: a section of another package may bring any number."""
SEVERITIES = {"serious": "Serious", "warning": "Warning", "info": "Note"}
_HASH = re.compile("[0-9a-f]{64}")
_NAMES = {"latent", "item", "user", "position", "seed", "line"}
"""Columns whose numbers are names: no thousands are separated."""


@dataclass(frozen=True)
class Cell:
    """``figure`` cells stand to the right; a ``hash`` may break anywhere."""

    text: str
    figure: bool = False
    hash: bool = False

    @property
    def style(self) -> str:
        """Its class in the page; empty for text."""
        return "figure" if self.figure else "hash" if self.hash else ""


@dataclass(frozen=True)
class Grid:
    """A table. The first cell of a row heads it."""

    columns: list[Cell]
    rows: list[list[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Block:
    """A part of a chapter: a table, or a drawing with the table behind it."""

    id: str
    title: str
    see: str
    grid: Grid
    sql: str
    drawing: Markup | None = None


@dataclass(frozen=True)
class Chapter:
    """A heading with its blocks, or with what is missing."""

    id: str
    title: str
    about: str
    blocks: list[Block]
    missing: str | None


@dataclass(frozen=True)
class Finding:
    """A sentence with its severity as a key, a word and a mark."""

    severity: str
    word: str
    mark: str
    sentence: str
    sql: str


@dataclass(frozen=True)
class Tile:
    """A number at the top: what it is, its value, its interval, and what to hold it against."""

    label: str
    value: str
    interval: str
    beside: str


def finding(row: FindingRow) -> Finding:
    """A finding as the page shows it."""
    return Finding(
        row.severity,
        SEVERITIES.get(row.severity, row.severity),
        layout.MARKS.get(row.severity, "·"),
        printable(row.sentence),
        printable(row.evidence),
    )


def block(exhibit: Exhibit, ids: layout.Anchors) -> Block:
    """An exhibit as the page shows it."""
    table = exhibit.table
    title = printable(table.title, 200)
    return Block(
        id=ids.of(table.name),
        title=title,
        see=printable(table.caption),
        grid=grid(table),
        sql=printable(table.sql),
        drawing=charts.inline(exhibit.chart, title) if exhibit.chart else None,
    )


def grid(table: TableSection) -> Grid:
    """A table's cells as they are written: numbers with their intervals in one."""
    columns, rows = layout.joined(table)
    names = columns[:MOST_COLUMNS]
    cells = [
        [cell(name, value) for name, value in zip(names, row[:MOST_COLUMNS], strict=True)]
        for row in rows[:MOST_ROWS]
    ]
    heads = [
        Cell(printable(name, CELL), bool(cells) and all(row[place].figure for row in cells))
        for place, name in enumerate(names)
    ]
    cuts = [
        f"{shown:,} of {of:,} {what}"
        for shown, of, what in ((len(cells), table.shown_of, "rows"), (len(names), len(columns), "columns"))
        if shown < of
    ]
    return Grid(heads, cells, f"{', '.join(cuts)}; the SQL gives all." if cuts else "")


def cell(column: str, value: Any) -> Cell:
    """One value of a column."""
    if isinstance(value, layout.Figure) or value is None:
        return Cell(value or "–", True)
    if isinstance(value, str):
        return Cell(printable(value, CELL), hash=bool(_HASH.fullmatch(value)))
    return Cell(str(value) if column in _NAMES else layout.number(value), True)
