"""Score columns put in order once, ties kept together, so that ranks of any subset follow by counting.

Every rank statistic here (AUC, stratified AUC, rank-sum test) needs only mid-ranks. Sorting is the dear
part; halves of the entities are subsequences of one order, so a column is sorted once for all of them.
Arrays are [columns, entities], so that what is read together lies together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
PlaceArray = NDArray[np.int64]


@dataclass(frozen=True)
class Ordering:
    """Entities of each score column in ascending order of score, all [columns, entities]."""

    order: PlaceArray
    """Entity at each place."""
    first: PlaceArray
    """Place at which the run of ties around each place begins."""
    after: PlaceArray
    """Place just past that run."""


def ordered(scores: NDArray[np.floating]) -> Ordering:
    """Sort every column of ``scores`` [entities, columns].

    Raises:
        ValueError: a score is NaN, which has no place in an order.
    """
    if np.isnan(scores).any():
        raise ValueError("scores hold NaN")
    rows = np.ascontiguousarray(scores.T)
    order = np.argsort(rows, axis=1)
    value = np.take_along_axis(rows, order, axis=1)
    return Ordering(order, *_runs(value[:, 1:] != value[:, :-1]))


def ordered_within(scores: NDArray[np.floating], stratum: NDArray[np.integer]) -> Ordering:
    """As ``ordered``, by stratum [entities] first: runs of ties never leave a stratum."""
    by_score = ordered(scores).order
    by_stratum = np.argsort(stratum[by_score], axis=1, kind="stable")
    order = np.take_along_axis(by_score, by_stratum, axis=1)
    value, group = np.take_along_axis(scores.T, order, axis=1), stratum[order]
    return Ordering(order, *_runs((value[:, 1:] != value[:, :-1]) | (group[:, 1:] != group[:, :-1])))


def _runs(breaks: NDArray[np.bool_]) -> tuple[PlaceArray, PlaceArray]:
    """Start and end of the run at each place, from where a new run begins after place 0 [columns, places - 1]."""
    n = breaks.shape[1] + 1
    place = np.arange(n)
    first = np.zeros((len(breaks), n), dtype=np.int64)
    first[:, 1:] = np.where(breaks, place[1:], 0)
    np.maximum.accumulate(first, axis=1, out=first)
    after = np.full_like(first, n)
    after[:, :-1] = np.where(breaks, place[1:], n)
    after[:, ::-1] = np.minimum.accumulate(after[:, ::-1], axis=1)
    return first, after


def midcounts(ordering: Ordering, weight: NDArray[np.bool_]) -> FloatArray:
    """How many of the entities of ``weight`` lie below each entity, ties counted half: [columns, entities].

    With all entities it is the average rank less one half. Counts of a part and of the rest add up to it.

    Args:
        weight: [entities], or [columns, entities] where each column counts others.
    """
    sorted_weight = (
        weight[ordering.order] if weight.ndim == 1 else np.take_along_axis(weight, ordering.order, axis=1)
    )
    columns, n = ordering.order.shape
    below = np.zeros((columns, n + 1), dtype=np.int64)
    np.cumsum(sorted_weight, axis=1, out=below[:, 1:])
    twice = np.take_along_axis(below, ordering.first, axis=1) + np.take_along_axis(
        below, ordering.after, axis=1
    )
    return unsorted(ordering, twice / 2)


def unsorted(ordering: Ordering, values: FloatArray) -> FloatArray:
    """Values by place, given back to the entities: [columns, entities]."""
    found = np.empty_like(values)
    np.put_along_axis(found, ordering.order, values, axis=1)
    return found
