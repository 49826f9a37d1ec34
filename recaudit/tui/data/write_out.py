"""From a report's tables to blocks of a page: numbers written, bars drawn, ids made into links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from recaudit.report.layout import Figure, joined, number
from recaudit.report.model import MetricRow, TableSection, section
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
    rows = tuple(Row((printable(what), printable(value, 200)), (what, value)) for what, value in pairs)
    return Block(
        name, title, caption, (Column("fact", style=QUIET, firm=True), Column("value")), rows, sql, len(rows), headed=False
    )  # fmt: skip


def spark(values: Sequence[float], floor: float = 0.0) -> str:
    """A line of bars over ``floor``, the highest for the most; what is not above the floor is left blank."""
    spread = (max(values, default=0.0) - floor) or 1.0
    levels = (int(np.ceil((value - floor) / spread * len(SPARKS) - 1e-9)) for value in values)
    return "".join(SPARKS[level - 1] if level > 0 else " " for level in levels)


def exact_interval(row: MetricRow) -> str:
    """An interval with all its digits, for copies and exports."""
    return "" if row.low is None or row.high is None else f"{row.low} … {row.high}"


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
