"""What every drawing of a report shares: which numbers stand side by side, and how a number is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recaudit.metrics.catalogue import BY_NAME
from recaudit.report.model import MetricRow, Report, TableSection

RANKINGS = ("original", "reconstructed", "popularity")
"""Columns of the ranking table, in order."""

LATENT_ITEMS = "latent_items_by_"

MARKS = {"serious": "✗", "warning": "!", "info": "·"}
"""Severity to a mark that reads without colour."""


class Figure(str):
    """A number already written, perhaps with its interval: set to the right like numbers, and never broken."""


@dataclass(frozen=True)
class RankingLine:
    """One ranking metric across the rankings measured."""

    title: str
    cells: dict[str, MetricRow]


@dataclass(frozen=True)
class LatentBlock:
    """One latent with its first items under each ordering, as text."""

    latent: int
    orders: dict[str, list[str]]


def latent_blocks(report: Report) -> list[LatentBlock]:
    """The ``latent_items_by_*`` tables side by side, one block a latent."""
    blocks: dict[int, LatentBlock] = {}
    for table in report.tables:
        if not table.name.startswith(LATENT_ITEMS):
            continue
        order = table.name.removeprefix(LATENT_ITEMS)
        for row in table.rows:
            cells = dict(zip(table.columns, row, strict=True))
            block = blocks.setdefault(cells["latent"], LatentBlock(cells["latent"], {}))
            block.orders.setdefault(order, []).append(f"{number(cells[order])}  {cells['title']}")
    return list(blocks.values())


def ranking_lines(report: Report) -> list[RankingLine]:
    """Ranking metrics, one line each, in the catalogue's order."""
    found: dict[str, dict[str, MetricRow]] = {}
    for row in report.metrics:
        if "ranking" in row.slice:
            found.setdefault(row.metric, {})[row.slice["ranking"]] = row
    return [RankingLine(BY_NAME[name].title, found[name]) for name in BY_NAME if name in found]


def other_metrics(report: Report, prefix: str) -> list[MetricRow]:
    """Metrics of one family in the catalogue's order, then by slice."""
    order = {name: place for place, name in enumerate(BY_NAME)}
    rows = [row for row in report.metrics if row.metric.startswith(prefix)]
    return sorted(rows, key=lambda row: (order.get(row.metric, len(order)), sorted(row.slice.items())))


def title(row: MetricRow) -> str:
    """The metric's title with its slice."""
    return titled(row.metric, row.slice)


def titled(metric: str, slice_: Mapping[str, Any]) -> str:
    """``title`` of a metric and a slice."""
    known = BY_NAME[metric].title if metric in BY_NAME else metric
    where = ", ".join(_SLICES.get((key, str(value)), f"{key} {value}") for key, value in slice_.items())
    return f"{known}, {where}" if where else known


_SLICES = {
    ("cases", "test"): "test cases",
    ("cases", "newest"): "newest cases",
    ("ranking", "original"): "original",
    ("ranking", "reconstructed"): "reconstructed",
}


class Anchors:
    """Names as anchors or parts of file names: small letters, digits and hyphens, and no two the same."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, name: str) -> str:
        """The anchor of one more name."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "part"
        self._seen[slug] += 1
        return slug if self._seen[slug] == 1 else f"{slug}-{self._seen[slug]}"


def number(value: Any) -> str:
    """A number for people: about four significant digits, thousands separated."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if 0 < size < 0.0001:
        return f"{value:.1e}"
    return f"{value:.3f}" if size >= 1 else f"{value:.4f}"


def short(value: float | None) -> Figure:
    """Two decimals, those within ±1 without the naught: ``.98``, ``-.02``, ``1.00``."""
    if value is None or value != value:
        return Figure("–")
    text = f"{value:.2f}"
    return Figure(text.replace("0.", ".", 1) if abs(value) < 0.995 else text)


def estimate(value: float | None, low: float | None, high: float | None) -> Figure:
    """``.98 [.97, .99]``; the value alone where it has no interval."""
    known = short(value)
    return (
        known
        if known == "–" or low is None or low != low
        else Figure(f"{known} [{short(low)}, {short(high)}]")
    )


def joined(table: TableSection) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows with a number and its interval in one cell.

    An interval is two columns right behind their number: ``low``, ``high``, or its name with these endings.
    """
    names = table.columns
    with_interval = {
        place
        for place, name in enumerate(names)
        if names[place + 1 : place + 3] in (["low", "high"], [f"{name}_low", f"{name}_high"])
    }
    kept = [
        place
        for place in range(len(names))
        if place - 1 not in with_interval and place - 2 not in with_interval
    ]
    rows = [
        [estimate(*row[place : place + 3]) if place in with_interval else row[place] for place in kept]
        for row in table.rows
    ]
    return [names[place] for place in kept], rows


def interval(row: MetricRow) -> str:
    """``low – high``, or a dash where the number has no interval."""
    return "–" if row.low is None or row.high is None else f"{number(row.low)} … {number(row.high)}"
