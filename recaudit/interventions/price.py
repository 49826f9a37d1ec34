"""What an intervention does to lists and ranks, before against after on the same users."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.popularity import Band
from recaudit.interventions.bench import Bench, Outcome
from recaudit.interventions.yardstick import (
    K,
    Measure,
    Yardstick,
    exposure,
    measures,
    whole_exposure,
)
from recaudit.metrics import intervals, popularity

FloatArray = NDArray[np.float64]
_WITH_RATIO = ("ndcg", "hr")


@dataclass(frozen=True)
class Price:
    """One number before and after.

    Attributes:
        name: as in ``Measure``.
        low, high: 95 % interval of ``change`` from a bootstrap over users; None where none was asked for.
        n: users.
        ratio: after over before with its interval (NDCG and HR only).
    """

    name: str
    slice: dict[str, str]
    better: str
    before: float
    after: float
    n: int
    low: float | None = None
    high: float | None = None
    ratio: intervals.Estimate | None = None

    @property
    def change(self) -> float:
        return self.after - self.before


def priced(
    bench: Bench,
    yardstick: Yardstick,
    after: Outcome,
    *,
    before: Outcome | None = None,
    seed: int = 0,
    draws: int = intervals.DRAWS,
) -> list[Price]:
    """Everything an intervention is judged by, each with the paired interval of its change.

    Args:
        before: the unsteered model by default.
        draws: of the bootstrap; 0 for values alone, as a live view wants them.
    """
    first = yardstick.unedited if before is None else measures(yardstick, before)
    second = measures(yardstick, after)
    found = []
    for rows, users in (("targets", bench.inputs.target_users), ("lists", bench.inputs.listed_users)):
        pairs = [
            (a, b)
            for a, b in zip(first, second, strict=True)
            if a.rows == rows and (a.counted & b.counted).any()
        ]
        found += _means(pairs, users, seed, draws)
    return [*found, *_spread(bench, yardstick, before or bench.unedited, after, seed, draws)]


def _means(
    pairs: Sequence[tuple[Measure, Measure]], users: NDArray[np.int64], seed: int, draws: int
) -> list[Price]:
    found = [
        Price(a.name, a.slice, a.better, a.mean, b.mean, _different(users[a.counted & b.counted]))
        for a, b in pairs
    ]
    if not draws or not pairs:
        return found
    # Before, after and count of each pair, side by side.
    columns = np.column_stack([column for a, b in pairs for column in _sums(a, b)])
    estimates = intervals.estimate(
        intervals.sum_by_user(columns, users), _changes_and_ratios, seed=seed, draws=draws
    )
    changes, ratios = estimates[: len(pairs)], estimates[len(pairs) :]
    return [
        replace(
            price,
            low=change.low,
            high=change.high,
            ratio=ratio if price.name.startswith(_WITH_RATIO) and price.before > 0 else None,
        )
        for price, change, ratio in zip(found, changes, ratios, strict=True)
    ]


def _different(users: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(users)))


def _sums(a: Measure, b: Measure) -> tuple[FloatArray, FloatArray, FloatArray]:
    counted = a.counted & b.counted
    return np.where(counted, a.values, 0), np.where(counted, b.values, 0), counted.astype(np.float64)


def _changes_and_ratios(sums: FloatArray) -> FloatArray:
    before, after, count = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (after - before) / count
        # A draw whose users the model served nothing has no ratio; a quantity that is never there has none at all.
        ratio = np.where(before > 0, after / before, np.where(before.any(axis=0), np.nan, 0))
    return np.concatenate([change, ratio], axis=-1)


def _spread(
    bench: Bench, yardstick: Yardstick, before: Outcome, after: Outcome, seed: int, draws: int
) -> list[Price]:
    """Gini and coverage: of exposure over the catalogue, not of users."""
    tail = yardstick.bands[yardstick.candidates] == Band.TAIL
    statistics: dict[str, tuple[str, Callable[[FloatArray], FloatArray]]] = {
        f"gini@{K}": ("lower", popularity.gini),
        f"coverage@{K}": ("higher", popularity.coverage),
    }
    if tail.any():
        statistics[f"tail_coverage@{K}"] = ("higher", lambda counts: popularity.coverage(counts[..., tail]))
    whole = [whole_exposure(bench, outcome) for outcome in (before, after)]
    n = len(before.items)
    found = [
        Price(name, {}, better, float(function(whole[0])), float(function(whole[1])), n)
        for name, (better, function) in statistics.items()
    ]
    if not draws:
        return found
    from scipy.sparse import csr_array, hstack

    both = csr_array(hstack([exposure(bench, outcome) for outcome in (before, after)], format="csr"))
    n_items = len(whole[0])
    changes = popularity.exposure_interval(
        both,
        [_difference(function, n_items) for _, function in statistics.values()],
        seed=seed,
        draws=draws,
    )
    return [replace(price, low=low, high=high) for price, (_, low, high) in zip(found, changes, strict=True)]


def _difference(
    function: Callable[[FloatArray], FloatArray], n_items: int
) -> Callable[[FloatArray], FloatArray]:
    return lambda counts: function(counts[..., n_items:]) - function(counts[..., :n_items])
