"""How unevenly do lists spread over a catalogue? Popularity, concentration, coverage and calibration of lists.

Lists are integer arrays [rows, depth] of item columns, best first; ``lists.EMPTY`` pads a list that ran out of
candidates and is no place. Exposure is the number of places an item holds in all lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.metrics.intervals import DRAWS, LEVEL
from recaudit.metrics.lists import EMPTY

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Lists = NDArray[np.integer]

_CELLS = 1 << 20
"""Exposures held at once: 8 MiB of float64."""


def exposure_matrix(items: Lists, n_items: int) -> csr_array:
    """Places of each item in each row's list: [rows, items]."""
    row, place = np.nonzero(items != EMPTY)
    found = csr_array((np.ones(len(row)), (row, items[row, place])), shape=(len(items), n_items))
    found.sum_duplicates()
    return found


def gini(exposure: NDArray[np.number]) -> FloatArray:
    """Gini index of exposure over the catalogue [..., items]: 0 = all alike, 1 - 1/items = one item has all.

    Σ (2i - n - 1) c_i / (n Σ c) with c ascending; never-recommended items count. RecBole's ``GiniIndex``
    (whose n includes the padding row) and PopSteer's. Evidently's leaves out items that are never
    recommended and divides by n - 1. NaN without exposure.
    """
    n = exposure.shape[-1]
    ordered = np.sort(np.asarray(exposure, dtype=np.float64), axis=-1)
    weights = 2 * np.arange(1, n + 1) - n - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((ordered @ weights) / (n * ordered.sum(axis=-1)))


def coverage(exposure: NDArray[np.number]) -> FloatArray:
    """Share of the catalogue [..., items] in any list, 0..1. RecBole's ``ItemCoverage``."""
    return np.asarray((np.asarray(exposure) > 0).mean(axis=-1), dtype=np.float64)


def shannon_entropy(exposure: NDArray[np.number]) -> FloatArray:
    """Entropy of exposure over items [..., items], in nats: 0 = one item has all, log(items) = all alike.

    RecBole's ``ShannonEntropy`` is this over the number of items recommended at all. NaN without exposure.
    """
    from scipy.special import xlogy

    counts = np.asarray(exposure, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts / counts.sum(axis=-1, keepdims=True)
    return np.asarray(-xlogy(share, share).sum(axis=-1))


def mean_over_places(items: Lists, value: NDArray[np.number | np.bool_]) -> FloatArray:
    """Mean of an item property [items] over the places of each list: [rows]; NaN for an empty list.

    Of training counts it is RecBole's ``AveragePopularity`` (evidently's ARP without normalisation, where
    every recommended item was trained on); of a 0/1 mark the share of places marked items hold.
    """
    real = items != EMPTY
    values = np.where(real, np.asarray(value, dtype=np.float64)[np.where(real, items, 0)], 0.0)
    with np.errstate(invalid="ignore"):
        return np.asarray(values.sum(axis=1) / real.sum(axis=1))


def tail_items(counts: IntArray, ratio: float = 0.1) -> NDArray[np.bool_]:
    """RecBole's long tail: the least popular ``ratio`` of the items with any training interaction, at least one.

    Equal counts go by index. The share of places they hold is ``TailPercentage``; recaudit's own tail is by
    cumulative share of interactions (``datasets.popularity``).
    """
    trained = np.flatnonzero(counts > 0)
    order = trained[np.argsort(counts[trained], kind="stable")]
    marked = np.zeros(len(counts), dtype=bool)
    marked[order[: max(int(len(order) * ratio), 1)]] = True
    return marked


def evidently_gini(exposure: NDArray[np.number]) -> float:
    """Gini among the items that are recommended at all, over n - 1: evidently's ``PopularityBias``. NaN for one."""
    shown = np.sort(np.asarray(exposure, dtype=np.float64)[np.asarray(exposure) > 0])
    n = len(shown)
    if n < 2:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ shown / ((n - 1) * shown.sum()))


def jensen_shannon(p: FloatArray, q: FloatArray) -> FloatArray:
    """Jensen-Shannon divergence of the rows of two tables [rows, kinds], base 2: 0 = alike, 1 = disjoint.

    Rows are divided by their sums; a row without any mass gives NaN. Steck 2018 calibrates lists by the
    Kullback-Leibler divergence of the same mixes, which is infinite where a list misses a genre.
    """
    from scipy.special import xlogy

    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    middle = (p + q) / 2

    def entropy(rows: FloatArray) -> FloatArray:
        return np.asarray(-xlogy(rows, rows).sum(axis=1) / np.log(2))

    found = entropy(middle) - (entropy(p) + entropy(q)) / 2
    return np.where(np.isnan(found), np.nan, np.clip(found, 0, 1))


def list_length_ceiling(n_places: int, n_items: int) -> float:
    """The most that coverage of ``n_items`` can be with so many places in all lists."""
    return min(1.0, n_places / n_items) if n_items else float("nan")


def exposure_interval(
    exposure: csr_array,
    statistics: Sequence[Callable[[FloatArray], FloatArray]],
    *,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> list[tuple[float, float, float]]:
    """Value and interval of statistics of exposure, users' lists drawn with replacement.

    A draw holds each user's list zero, one or several times, so it covers less than the data and is more
    concentrated, whatever the recommender does. The percentile interval would lie beside its own value;
    here the draws are shifted to have their mean on it: their spread is the interval.

    Args:
        exposure: [users, items] from ``exposure_matrix``.
        statistics: map [..., items] to [...].
    """
    n, n_items = exposure.shape
    whole = np.asarray(exposure.sum(axis=0), dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn: list[list[FloatArray]] = [[] for _ in statistics]
    step = max(1, _CELLS // max(n_items, n, 1))
    columns = exposure.T.tocsr()
    for start in range(0, draws, step):
        size = min(step, draws - start)
        weights = rng.multinomial(n, np.full(n, 1 / n), size=size).T.astype(np.float64)
        counts = (columns @ weights).T  # [draws, items]
        for number, statistic in enumerate(statistics):
            drawn[number].append(statistic(counts))
    tail = (1 - level) / 2
    found = []
    for statistic, parts in zip(statistics, drawn, strict=True):
        value = float(statistic(whole))
        values = np.concatenate(parts)
        low, high = np.quantile(values - values.mean(), [tail, 1 - tail])
        found.append((value, value + float(low), value + float(high)))
    return found


def rarefied(
    exposure: csr_array,
    size: int,
    statistics: Sequence[Callable[[FloatArray], FloatArray]],
    *,
    seed: int,
    draws: int = 200,
) -> list[float]:
    """Mean of statistics over ``size`` users' lists drawn without replacement.

    Coverage and Gini depend on how many lists there are, so groups are compared at the size of the smallest.
    """
    n, n_items = exposure.shape
    if size >= n:
        whole = np.asarray(exposure.sum(axis=0), dtype=np.float64)
        return [float(statistic(whole)) for statistic in statistics]
    rng = np.random.default_rng(seed)
    columns = exposure.T.tocsr()
    sums = np.zeros(len(statistics))
    step = max(1, _CELLS // max(n_items, n, 1))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        weights = (rng.permuted(np.broadcast_to(np.arange(n), (count, n)), axis=1) < size).T.astype(float)
        counts = (columns @ weights).T
        sums += [float(statistic(counts).sum()) for statistic in statistics]
    return [float(total / draws) for total in sums]
