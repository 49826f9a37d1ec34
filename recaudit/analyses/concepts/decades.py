"""Do a latent's strongest items come from one time? Decades of its 200 strongest, against random items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.concepts.inputs import Entities
from recaudit.metrics.enrichment import false_discovery
from recaudit.metrics.proportions import wilson_share
from recaudit.metrics.purity import DECADE_TOP, concentration, strongest
from recaudit.metrics.selection import Scores, column_blocks
from recaudit.store.write import Metric

LISTED = 20
"""Latents with a number of their own among the metrics: the most concentrated beyond chance."""
Q = 0.05
TOP_SHARE = 0.2
"""In a small catalogue the strongest are at most this share of the items: more would be most of it."""


def decades(
    scores: Scores, entities: Entities, *, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, list[Metric]]:
    """Rows of ``latent_scores`` (``concentration``) and ``latent_decades``, and ``temporal.*``."""
    group, names = decade_of_items(entities)
    if len(names) < 2:
        return pd.DataFrame(), pd.DataFrame(), []
    count = max(1, min(DECADE_TOP, int(TOP_SHARE * len(group))))
    tables, histograms = [], []
    known = group >= 0
    in_catalogue = np.bincount(group[known], minlength=len(names)) / max(int(known.sum()), 1)
    for which, block in column_blocks(scores):
        found = concentration(strongest(block, count), group, seed=seed)
        tables.append(
            pd.DataFrame(
                {
                    "latent": which,
                    "score": "concentration",
                    "value": found.value,
                    "expected": found.expected,
                    "p": found.p,
                }
            )
        )
        row, decade = np.nonzero(found.counts)
        n = found.counts[row, decade]
        histograms.append(
            pd.DataFrame(
                {
                    "latent": which[row],
                    "decade": names[decade],
                    "n": n,
                    "share": n / found.counts.sum(axis=1)[row],
                    "catalogue_share": in_catalogue[decade],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    table = table[table["value"].notna()]
    table = table.assign(q=false_discovery(table["p"].to_numpy(np.float64)))
    return table, pd.concat(histograms, ignore_index=True), _metrics(table, count)


def of_random(scores: Scores, entities: Entities, *, seed: int) -> list[Metric]:
    """The summary figures of random directions."""
    _, _, found = decades(scores, entities, seed=seed)
    return [replace(metric, slice={"control": "random"}) for metric in found if not metric.slice]


def decade_of_items(entities: Entities) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Decade of each item as a place in the names, oldest first, -1 where unknown; and the names that occur."""
    is_decade = entities.concepts["kind"].to_numpy(object) == "decade"
    columns = np.flatnonzero(is_decade)
    labels = entities.labels[:, columns]
    columns_used = np.unique(labels.indices)
    place = np.full(len(columns), -1)
    place[columns_used] = np.arange(len(columns_used))
    group = np.full(len(entities.ids), -1)
    items = np.repeat(np.arange(len(entities.ids)), np.diff(labels.indptr))
    group[items] = place[labels.indices]
    return group, entities.concepts["name"].to_numpy(object)[columns[columns_used]]


def _metrics(table: pd.DataFrame, count: int) -> list[Metric]:
    if table.empty:
        return []
    significant = table[table["q"] <= Q]
    share, low, high = wilson_share((table["q"] <= Q).to_numpy())
    found = [
        Metric("temporal.concentrated", share, len(table), low, high, "latents"),
        Metric("temporal.mean_concentration", float(table["value"].mean()), len(table), unit="latents"),
    ]
    listed = significant.sort_values(["value", "latent"], ascending=[False, True]).head(LISTED)
    for row in listed.itertuples():
        found.append(
            Metric(
                "temporal.concentration", row.value, count, unit="items", slice={"latent": int(row.latent)}
            )
        )
    return found
