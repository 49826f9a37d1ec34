"""The figures at the top of a page that decide what the rest is worth, each beside what it must be held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from recaudit.metrics.proportions import wilson
from recaudit.report import layout, survey
from recaudit.report.html.view import Tile
from recaudit.report.model import MetricRow, Report


def tiles(report: Report) -> Iterator[Tile]:
    """Those that are stored."""
    ndcg, popular = (_number(report, "ranking.ndcg@10", ranking=name) for name in ("original", "popularity"))
    if ndcg is not None:
        beside = "" if popular is None else f"plain popularity {layout.number(popular.value)}"
        yield Tile("NDCG@10", layout.number(ndcg.value), _between(ndcg, layout.number), beside)
    for metric, label, beside in (
        ("fidelity.ndcg_ratio@10", "NDCG@10 kept", "by the dictionary's reconstruction"),
        ("fidelity.overlap@10", "First ten kept", "by the dictionary's reconstruction"),
    ):
        row = _number(report, metric)
        if row is not None:
            yield Tile(label, _percent(row.value), _between(row, _percent), beside)
    yield from _covered(report)
    named, control = (
        _number(report, "labels.verified"),
        _number(report, "labels.verified", control="untrained"),
    )
    if named is not None:
        beside = f"of {named.n:,} latents tried" if control is None else _untrained(control.value)
        yield Tile("Names that hold", _percent(named.value), _between(named, _percent), beside)


def _covered(report: Report) -> Iterator[Tile]:
    """Concepts of all kinds, from the table of controls, under the rule that is trusted most of those there are."""
    rows = [
        dict(zip(table.columns, row, strict=True))
        for table in report.tables
        if table.name == "coverage_beside_controls"
        for row in table.rows
    ]
    rule = next((rule for rule in survey.TRUSTED if any(row["rule"] == rule for row in rows)), None)
    if rule is None or report.sae is None:
        return
    hits, n = _counted(rows, report.sae["name"], rule)
    control_hits, control_n = _counted(rows, survey.UNTRAINED, rule)
    if n:
        low, high = (float(end) for end in wilson(np.array(hits), np.array(n)))
        beside = _untrained(control_hits / control_n) if control_n else f"of {n:,}"
        yield Tile("Concepts covered", _percent(hits / n), f"{_percent(low)} to {_percent(high)}", beside)


def _counted(rows: list[dict[str, Any]], dictionary: str, rule: str) -> tuple[int, int]:
    """Concepts that a dictionary covers, and those looked at."""
    own = [row for row in rows if row["dictionary"] == dictionary and row["rule"] == rule]
    return sum(row["covered"] for row in own), sum(row["concepts"] for row in own)


def _number(report: Report, metric: str, **where: str) -> MetricRow | None:
    """The first number of a metric whose slice says this and, a labeller aside, nothing else."""
    for row in report.metrics:
        told = {key: value for key, value in row.slice.items() if key != "labeller"}
        if row.metric == metric and told == where:
            return row
    return None


def _untrained(share: float) -> str:
    return f"untrained dictionary {_percent(share)}"


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _between(row: MetricRow, written: Callable[[float], str]) -> str:
    return "" if row.low is None or row.high is None else f"{written(row.low)} to {written(row.high)}"
