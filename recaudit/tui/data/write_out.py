"""From a report's tables to blocks of a page: numbers written, bars drawn, ids made into links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from recaudit.report.layout import Figure, joined, number
from recaudit.report.model import TableSection, section
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.places import Place

IDS = {"latent", "item", "user", "year"}
LINKS = {"latent": "latent", "item": "item", "user": "user"}
TEXT = 60
QUIET = "$foreground-muted"
SPARKS = "▁▂▃▄▅▆▇█"


def block(table: TableSection, *, kind: str | None = None) -> Block:
    """A table of a report as a block.

    Args:
        kind: kind of the concepts that a column ``concept`` names, where no column ``kind`` says it.
    """
    names, rows = joined(table)
    written = [tuple(_cell(name, value) for name, value in zip(names, row, strict=True)) for row in rows]
    columns = tuple(
        Column(
            name,
            right=_is_right(name, [row[place] for row in rows]),
            style="$primary" if name == "" else QUIET if name in {"q", "low", "high", "fact"} else "",
            firm=name in ("fact", ""),
        )
        for place, name in enumerate(names)
    )
    shown = tuple(
        Row(cells, tuple(str(v) if isinstance(v, Figure) else v for v in row), _places(names, row, kind))
        for cells, row in zip(written, rows, strict=True)
    )
    return Block(
        table.name,
        printable(table.title),
        printable(table.caption),
        columns,
        shown,
        table.sql,
        table.shown_of,
        headed=table.columns != ["fact", "value"],
    )


def frame_block(
    name: str, title: str, frame: pd.DataFrame, *, caption: str = "", sql: str = "", shown_of: int | None = None,
    kind: str | None = None,
) -> Block:  # fmt: skip
    """A data frame as a block."""
    rows = len(frame) if shown_of is None else shown_of
    return block(section(name, title, caption, frame, sql, rows), kind=kind)


def facts(name: str, title: str, pairs: Sequence[tuple[str, Any]], sql: str = "", caption: str = "") -> Block:
    """Names with their values."""
    rows = tuple(
        Row(
            (
                printable(what),
                value if isinstance(value, str) and "▁" <= value[:1] <= "█" else printable(value, 200),
            ),
            (what, value),
        )
        for what, value in pairs
    )
    return Block(
        name, title, caption, (Column("fact", style=QUIET, firm=True), Column("value")), rows, sql, len(rows), headed=False
    )  # fmt: skip


def spark(values: Sequence[float]) -> str:
    """A line of blocks, scaled from the least to the most."""
    if not len(values):
        return ""
    least, most = min(values), max(values)
    spread = (most - least) or 1.0
    return "".join(SPARKS[min(int((value - least) / spread * 8), 7)] for value in values)


def whiskers(
    value: float, low: float | None, high: float | None, least: float, most: float, width: int = 18
) -> str:
    """A number with its interval on a scale: ``  ━━●━━   ``."""
    spread = (most - least) or 1.0

    def place(number: float) -> int:
        return max(0, min(width - 1, round((number - least) / spread * (width - 1))))

    line = [" "] * width
    if low is not None and high is not None:
        for at in range(place(low), place(high) + 1):
            line[at] = "─"
    line[place(value)] = "●"
    return "".join(line)


def _is_right(name: str, values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    return name != "" and bool(known) and all(isinstance(value, (int, float, Figure)) for value in known)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name in IDS:
        return printable(value, TEXT)
    if (
        isinstance(value, float)
        and value == int(value)
        and abs(value) < 1e6
        and name in {"n", "together", "count"}
    ):
        return f"{int(value):,}"
    return printable(value, 200) if isinstance(value, str) else number(value)


def _places(names: Sequence[str], row: Sequence[Any], kind: str | None) -> tuple[Place, ...]:
    cells = dict(zip(names, row, strict=True))
    found = [
        Place(LINKS[name], str(cells[name]))  # type: ignore[arg-type]
        for name in names
        if name in LINKS and cells[name] is not None
    ]
    for name in ("concept", "genre", "decade"):
        if isinstance(cells.get(name), str):
            of = cells.get("kind") or kind or (name if name != "concept" else None)
            if of:
                found.append(Place("concept", f"{of}:{cells[name]}"))
    return tuple(found)
