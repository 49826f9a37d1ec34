"""Score columns put in order once, ties kept together, so that ranks of any subset follow by counting.

Every rank statistic here (AUC, stratified AUC, rank-sum test) needs only mid-ranks. Sorting is the dear
part; halves of the entities are subsequences of one order, so a column is sorted once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Ordering:
    """Entities of each column in ascending order of score, all [entities, columns]."""

    order: IntArray
    """Entity at each place."""
    first: IntArray
    """Place at which the run of ties around each place begins."""
    after: IntArray
    """Place just past that run."""


def ordered(scores: NDArray[np.floating]) -> Ordering:
    """Sort every column of ``scores`` [entities, columns].

    Raises:
        ValueError: a score is NaN, which has no place in an order.
    """
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN")
    order = np.argsort(scores, axis=0, kind="stable")
    value = np.take_along_axis(scores, order, axis=0)
    return Ordering(order, *_runs(value[1:] != value[:-1]))


def ordered_within(scores: NDArray[np.floating], stratum: NDArray[np.integer]) -> Ordering:
    """As ``ordered``, by stratum [entities] first: runs of ties never leave a stratum."""
    by_score = ordered(scores)
    order = np.take_along_axis(
        by_score.order, np.argsort(stratum[by_score.order], axis=0, kind="stable"), axis=0
    )
    value = np.take_along_axis(scores, order, axis=0)
    group = stratum[order]
    return Ordering(order, *_runs((value[1:] != value[:-1]) | (group[1:] != group[:-1])))


def _runs(breaks: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Start and end of the run at each place, from where a new run begins after place 0 [places - 1, columns]."""
    n = len(breaks) + 1
    place = np.arange(n)[:, None]
    first = np.zeros((n, breaks.shape[1]), dtype=np.int64)
    first[1:] = np.where(breaks, place[1:], 0)
    np.maximum.accumulate(first, axis=0, out=first)
    after = np.full_like(first, n)
    after[:-1] = np.where(breaks, place[1:], n)
    after[::-1] = np.minimum.accumulate(after[::-1], axis=0)
    return first, after


def midcounts(ordering: Ordering, weight: NDArray[np.bool_]) -> FloatArray:
    """How much of ``weight`` lies below each entity, ties counted half: [entities, columns].

    Args:
        weight: [entities] or [entities, columns], the entities that count. With all of them this is the
            average rank less one half.
    """
    columns = np.broadcast_to(weight.reshape(len(weight), -1), ordering.order.shape)
    sorted_weight = np.take_along_axis(columns, ordering.order, axis=0)
    below = np.zeros((len(sorted_weight) + 1, sorted_weight.shape[1]), dtype=np.int64)
    np.cumsum(sorted_weight, axis=0, out=below[1:])
    twice = np.take_along_axis(below, ordering.first, axis=0) + np.take_along_axis(
        below, ordering.after, axis=0
    )
    counts = np.empty(ordering.order.shape)
    np.put_along_axis(counts, ordering.order, twice / 2, axis=0)
    return counts
