"""Do the items of a latent resemble each other? Monosemanticity in two embeddings, purity, silhouette.

Three variants, each with embeddings centred (the default) and not: ``ms-all-independent`` over all pairs in an
embedding of metadata; ``ms-all-own`` in the recommender's own item vectors, which the latents were made to
rebuild; ``ms30-own``, the published notebooks' 30 strongest items in the recommender's own. Latents whose
items all score the same are no evidence either way: they are left out, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.concepts.inputs import Entities
from recaudit.metrics import intervals
from recaudit.metrics.enrichment import false_discovery
from recaudit.metrics.monosemanticity import Weights, monosemanticity, only_strongest, scaled, unit_rows
from recaudit.metrics.proportions import wilson_share
from recaudit.metrics.purity import TOP, purity, strongest
from recaudit.metrics.selection import Scores, column_blocks
from recaudit.metrics.silhouette import silhouettes
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]

HEADLINE = "ms-all-independent"
PURITY_KINDS = ("genre", "category")
"""Kinds whose concepts purity asks for; tags stand in where the data has neither."""
Q = 0.05


def latent_scores(
    scores: Scores, entities: Entities, embeddings: Mapping[str, FloatArray], *, seed: int
) -> tuple[pd.DataFrame, list[Metric]]:
    """Rows of ``latent_scores`` and ``monosemanticity.*``.

    Args:
        embeddings: ``own`` and, where metadata allow, ``independent``, to vectors [items, d].
    """
    if len(entities.ids) < 2:
        return pd.DataFrame(), []
    spaces = list(_spaces(embeddings))
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name, _, _ in spaces}
    top, live = np.zeros((len(entities.ids), 0), dtype=bool), []
    owner, best = np.zeros(len(entities.ids), np.int64), np.full(len(entities.ids), -np.inf)
    for which, block in column_blocks(scores):
        varied = block.max(axis=0) > block.min(axis=0)
        which, weights = which[varied], scaled(block[:, varied])
        if not len(which):
            continue
        live.append(which)
        top = np.concatenate([top, strongest(weights, TOP)], axis=1)
        owner, best = _owners(owner, best, which, weights)
        for name, units, first in spaces:
            parts[name].append(
                _rows(name, which, weights if first is None else only_strongest(weights, first), units)
            )
    if not live:
        return pd.DataFrame(), []
    tables = [_with_q(pd.concat(part, ignore_index=True)) for part in parts.values()]
    pure = _purity_rows(np.concatenate(live), top, entities)
    n_live, n = len(np.concatenate(live)), scores.shape[1]
    found = [
        *(metric for table in tables for metric in _metrics(table, seed)),
        Metric("monosemanticity.left_out", float(n - n_live), n, unit="latents", better="lower"),
    ]
    if len(pure):
        above = intervals.estimate(
            np.column_stack([pure["value"] - pure["expected"], np.ones(len(pure))]),
            intervals.means,
            seed=seed,
        )[0]
        found.append(
            Metric("monosemanticity.purity", above.value, above.n, above.low, above.high, "latents", "higher")
        )
    return pd.concat([*tables, pure], ignore_index=True), [
        *found,
        *_silhouette(embeddings, owner, best, seed),
    ]


def of_random(
    scores: Scores, entities: Entities, embeddings: Mapping[str, FloatArray], *, seed: int
) -> list[Metric]:
    """The headline figures of random directions: what items that share a score resemble each other by itself."""
    spaces = {space: vectors for space, vectors in embeddings.items() if space == "independent"}
    _, found = latent_scores(scores, entities, spaces, seed=seed)
    kept = ("monosemanticity.mean", "monosemanticity.above_null", "monosemanticity.purity")
    return [
        replace(metric, slice={"control": "random"}, better="none")
        for metric in found
        if metric.metric in kept and not metric.slice
    ]


def _spaces(embeddings: Mapping[str, FloatArray]) -> Iterator[tuple[str, FloatArray, int | None]]:
    """Name of each variant, its unit vectors, and how many strongest items it looks at."""
    for centred in (True, False):
        suffix = "" if centred else "-uncentred"
        for space, vectors in embeddings.items():
            units = unit_rows(vectors, centred=centred)
            yield f"ms-all-{space}{suffix}", units, None
            if space == "own":
                yield f"ms30-own{suffix}", units, 30


def _rows(name: str, latents: NDArray[np.int64], weights: Weights, units: FloatArray) -> pd.DataFrame:
    found = monosemanticity(weights, units)
    table = pd.DataFrame(
        {
            "latent": latents,
            "score": name,
            "value": found.score,
            "expected": found.null_mean,
            "z": found.z,
            "p": found.p,
        }
    )
    return table[table["value"].notna()]


def _with_q(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(q=false_discovery(table["p"].to_numpy(np.float64)))


def _metrics(table: pd.DataFrame, seed: int) -> Iterator[Metric]:
    """Mean, median and share above chance of one variant; the headline variant has no slice."""
    if table.empty:
        return
    name, values = str(table["score"].iloc[0]), table["value"].to_numpy(np.float64)
    slice_ = {} if name == HEADLINE else {"variant": name}
    mean = intervals.estimate(np.column_stack([values, np.ones(len(values))]), intervals.means, seed=seed)[0]
    n = len(values)
    yield Metric("monosemanticity.mean", mean.value, n, mean.low, mean.high, "latents", "higher", slice_)
    yield Metric(
        "monosemanticity.median", float(np.median(values)), n, None, None, "latents", "higher", slice_
    )
    yield Metric(
        "monosemanticity.null", float(table["expected"].mean()), n, None, None, "latents", "none", slice_
    )
    above, low, high = wilson_share((table["q"] <= Q).to_numpy())
    yield Metric("monosemanticity.above_null", above, n, low, high, "latents", "higher", slice_)


def _purity_rows(latents: NDArray[np.int64], top: NDArray[np.bool_], entities: Entities) -> pd.DataFrame:
    kind = entities.concepts["kind"].to_numpy(object)
    asked = np.isin(kind.astype(str), PURITY_KINDS)
    asked = asked if asked.any() else kind == "tag"
    if not asked.any():
        return pd.DataFrame()
    found = purity(top, entities.labels[:, np.flatnonzero(asked)])
    names = entities.concepts["name"].to_numpy(object)[asked]
    table = pd.DataFrame(
        {
            "latent": latents,
            "score": "purity",
            "value": found.share,
            "expected": found.base,
            "p": found.p,
            "q": found.q,
            "concept": names[found.concept],
        }
    )
    return table[table["value"].notna()]


def _owners(
    owner: NDArray[np.int64], best: FloatArray, latents: NDArray[np.int64], weights: Weights
) -> tuple[NDArray[np.int64], FloatArray]:
    """The latent that each item is strongest on, in units of the latent's range."""
    place = np.asarray(weights).argmax(axis=1)
    value = np.take_along_axis(np.asarray(weights), place[:, None], axis=1)[:, 0]
    better = value > best
    return np.where(better, latents[place], owner), np.where(better, value, best)


def _silhouette(
    embeddings: Mapping[str, FloatArray], owner: NDArray[np.int64], best: FloatArray, seed: int
) -> Iterator[Metric]:
    """Mean silhouette of items, each in the cluster of its strongest latent."""
    inside = best > 0
    for space, vectors in embeddings.items():
        values = silhouettes(unit_rows(vectors, centred=True)[inside], owner[inside])
        if len(values) and not np.isnan(values).any():
            mean = intervals.estimate(
                np.column_stack([values, np.ones(len(values))]), intervals.means, seed=seed
            )[0]
            yield Metric(
                "monosemanticity.silhouette",
                mean.value,
                mean.n,
                mean.low,
                mean.high,
                "items",
                "higher",
                {"space": space},
            )
