"""The numbers one looks at first, each with its interval, and with a line of bars where a series lies behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.metrics import ranking
from recaudit.metrics.catalogue import BY_NAME
from recaudit.report import layout
from recaudit.report.model import MetricRow, Report
from recaudit.store import Audit, listings, popularity, read
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.write_out import QUIET, exact_interval, spark
from recaudit.tui.host import Subject

IntArray = NDArray[np.int64]

TENTHS = 10
BARS = 12
"""Looks that are drawn of a training, evenly chosen, the first and the last among them."""
PLAIN: tuple[dict[str, str], ...] = ({}, {"ranking": "original"}, {"cases": "newest"})
"""Slices that stand for a metric as a whole."""


@dataclass(frozen=True)
class Series:
    """Numbers behind a line of bars.

    Attributes:
        over: what goes from bar to bar; a narrow terminal has room for 15 cells.
        drawn: the bars.
    """

    over: str
    values: Sequence[float]
    drawn: str


def key_numbers(audit: Audit, subject: Subject, made: Report) -> Block | None:
    """None where nothing was measured yet."""
    metrics = {row.metric: row for row in made.metrics if row.slice in PLAIN}
    series = {
        **_of_ranks(audit, subject, metrics),
        **_of_lists(audit, subject),
        **_of_dictionary(audit, subject),
    }
    rows = tuple(row for name in series if name in metrics for row in _rows(metrics[name], series[name]))
    if not rows:
        return None
    columns = (
        Column("metric", firm=True), Column("value", right=True), Column("95 % interval", right=True, style=QUIET),
        Column("series", style="$primary", firm=True), Column("over", style=QUIET),
        Column("first", right=True, style=QUIET), Column("last", right=True, style=QUIET),
    )  # fmt: skip
    caption = (
        "Bars stand on zero, those of training looks on the least. Tenths: rarest items first. Ranks and densities double "
        "from bar to bar."
    )
    sql = f"SELECT * FROM metrics WHERE model_id = {subject.model.model_id}"
    return Block("key", "Key numbers", caption, columns, rows, sql, len(rows))


def _rows(metric: MetricRow, series: Sequence[Series]) -> Iterator[Row]:
    """The number beside its first series, the others below."""
    title = BY_NAME[metric.metric].title
    cells: tuple[str, ...] = (title, layout.number(metric.value), layout.interval(metric))
    values: tuple[Any, ...] = (title, metric.value, exact_interval(metric))
    for one in series:
        ends = (one.values[0], one.values[-1])
        shown = (one.drawn, one.over, *map(layout.number, ends))
        yield Row((*cells, *shown), (*values, json.dumps([*one.values]), one.over, *ends))
        cells, values = ("", "", ""), (title, None, "")
    if not series:
        yield Row((*cells, *[""] * 4), (*values, *[None] * 4))


def _of_ranks(audit: Audit, subject: Subject, metrics: dict[str, MetricRow]) -> dict[str, list[Series]]:
    """Quality over cut-offs, over the popularity of what was held out, and where all of it is ranked."""
    found: dict[str, list[Series]] = {}
    for measure in ("ndcg", "hr"):
        values = [
            metrics[name].value for k in ranking.CUTOFFS if (name := f"ranking.{measure}@{k}") in metrics
        ]
        cutoffs = f"cut-offs {ranking.CUTOFFS[0]}–{ranking.CUTOFFS[-1]}"
        found[f"ranking.{measure}@10"] = (
            [_on_zero(cutoffs, values)] if len(values) == len(ranking.CUTOFFS) else []
        )
    found["ranking.mrr"] = []
    targets = popularity.ranked_targets(audit, subject.model)
    ranks = targets["rank"].astype(np.int64)
    if len(ranks) >= TENTHS:
        counts = read.train_counts(audit, subject.model.dataset_id)[targets["item_id"].astype(np.int64)]
        order = np.argsort(counts, kind="stable")
        tenths = [float(part.mean()) for part in np.array_split(ranking.ndcg(ranks, 10)[order], TENTHS)]
        found["ranking.ndcg@10"].append(_on_zero("target tenths", tenths))
        found["ranking.mrr"] = [_on_zero(f"rank 1–{ranks.max():,}", _by_doubling(ranks))]
    return found


def _of_lists(audit: Audit, subject: Subject) -> dict[str, list[Series]]:
    """How evenly the places of the lists are spread over the catalogue."""
    places = np.array([n for _, n in listings.exposure_by_popularity(audit, subject.model)])
    tenths = [int(part.sum()) for part in np.array_split(places, TENTHS)]
    spread = [_on_zero("item tenths", tenths)] if sum(tenths) else []
    return {"popularity.gini@10": spread, "popularity.coverage@10": []}


def _of_dictionary(audit: Audit, subject: Subject) -> dict[str, list[Series]]:
    """What the dictionary keeps, now and as its training went on, and how often its latents fire."""
    sae = subject.sae
    if sae is None:
        return {}
    looks = listings.training_looks(audit, sae)
    density = np.asarray(read.latent_columns(audit, sae)["density"], dtype=np.float64)
    alive = density[density > 0]
    fires: list[Series] = []
    if len(alive):
        fires = [_on_zero(f"density to {alive.max():.1g}", _by_doubling(alive / alive.min()))]
    return {
        "fidelity.ndcg_ratio@10": _of_looks(looks["ndcg_ratio"]),
        "fidelity.overlap@10": _of_looks(looks["overlap"]),
        "fidelity.explained_variance": _of_looks(looks["explained_variance"]),
        "sae.l0": fires,
    }


def _on_zero(over: str, values: Sequence[float]) -> Series:
    return Series(over, values, spark(values))


def _by_doubling(amounts: NDArray[np.number]) -> list[int]:
    """How many lie from 1 up to 2, from 2 up to 4, and so on: bars of whole numbers without gaps between them."""
    return [int(n) for n in np.bincount(np.floor(np.log2(amounts) + 1e-9).astype(np.int64))]


def _of_looks(values: pd.Series) -> list[Series]:
    known = [float(value) for value in values.dropna()]
    if len(known) < 2:
        return []
    least, most = min(known), max(known)
    chosen = np.unique(np.linspace(0, len(known) - 1, BARS).round().astype(int))
    # Seven steps above the least, which itself gets the lowest bar.
    drawn = spark([known[look] for look in chosen], least - (most - least) / 7)
    return [Series("training looks", known, drawn)]
