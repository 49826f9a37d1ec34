"""What a page is made of: tables of written cells with links, drawings, sentences. No widgets, nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len, set_cell_size

from recaudit.tui.places import Place

GAP = 2
"""Cells between columns."""
WIDEST = 160
NARROWEST = 14
"""A text column is never made narrower than this: below it a column leaves the table."""
GOES_FIRST = (
    "",
    "q",
    "z",
    "before",
    "users",
    "expected",
    "average",
    "control",
    "unit",
    "n",
    "kind",
    "item",
    "protocol",
)
"""Columns that leave a table which does not fit, in this order; then the last ones."""


@dataclass(frozen=True)
class Column:
    """``right``: set to the right, like numbers, and never cut. ``style``: of Textual, with theme variables."""

    name: str
    right: bool = False
    style: str = ""
    firm: bool = False
    """Never cut either, though set to the left."""


@dataclass(frozen=True)
class Row:
    """Written cells, the values behind them, and where a press of Enter leads."""

    cells: tuple[str, ...]
    values: tuple[Any, ...]
    places: tuple[Place, ...] = ()
    style: str = ""
    take: str = ""
    """What the pane is told when Enter is pressed on a row that leads nowhere else."""


@dataclass(frozen=True)
class Block:
    """A heading with a table, or with a drawing (lines for a width)."""

    name: str
    title: str
    caption: str = ""
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    sql: str = ""
    shown_of: int = 0
    draw: Callable[[int], list[str]] | None = None
    below: str = ""
    """A line under a drawing."""
    sentences: tuple[str, ...] = ()
    """Above the table, each on lines of its own, behind a mark of one cell: ``· It keeps 98 % of …``."""
    headed: bool = True
    """Whether the names of the columns are shown."""


@dataclass(frozen=True)
class Fitted:
    """Columns that fit a width, with their widths."""

    places: tuple[int, ...]
    widths: tuple[int, ...]

    def line(self, cells: Sequence[str], columns: Sequence[Column]) -> list[tuple[str, str]]:
        """Cells of a row, padded to their columns, each with its style."""
        parts: list[tuple[str, str]] = []
        for order, (place, width) in enumerate(zip(self.places, self.widths, strict=True)):
            cell, column = cut(cells[place], width), columns[place]
            space = " " * (width - cell_len(cell))
            text = space + cell if column.right else cell + space
            if order + 1 < len(self.places):
                text += " " * GAP
            parts.append((text, column.style))
        return parts


def fitted(block: Block, width: int, spare: Sequence[str] = GOES_FIRST) -> Fitted:
    """The columns of a block that fit, text cut before columns are left out.

    Args:
        spare: names of columns that are left out first.
    """
    natural = [
        min(
            WIDEST,
            max([cell_len(column.name) * block.headed, *(cell_len(row.cells[n]) for row in block.rows)]),
        )
        for n, column in enumerate(block.columns)
    ]
    kept = list(range(len(block.columns)))
    while len(kept) > 1 and _least(block, natural, kept) > width:
        kept.remove(_spare(block, kept, spare))
    widths = {place: natural[place] for place in kept}
    while (over := sum(widths.values()) + GAP * (len(kept) - 1) - width) > 0:
        flexible = [
            place for place in kept if not block.columns[place].right and not block.columns[place].firm
        ] or kept
        widest = max(flexible, key=lambda place: widths[place])
        if widths[widest] <= 1:
            break
        widths[widest] -= min(over, max(1, widths[widest] // 8))
    return Fitted(tuple(kept), tuple(widths[place] for place in kept))


def _least(block: Block, natural: list[int], kept: list[int]) -> int:
    least = [
        natural[place]
        if block.columns[place].right or block.columns[place].firm
        else min(natural[place], NARROWEST)
        for place in kept
    ]
    return sum(least) + GAP * (len(kept) - 1)


def _spare(block: Block, kept: list[int], spare: Sequence[str]) -> int:
    for name in spare:
        for place in kept[1:]:
            if block.columns[place].name == name:
                return place
    return kept[-1]


def cut(text: str, width: int) -> str:
    """Text in at most so many terminal cells, with ``…`` where some is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width > 0 else ""


def wrapped(text: str, width: int) -> list[str]:
    """Words on lines of a width."""
    import textwrap

    return textwrap.wrap(text, max(width, 10)) or [""]
