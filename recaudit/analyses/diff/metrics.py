"""Every number that both models have, and how it changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from scipy.special import ndtr

from recaudit.analyses.diff.changes import Basis, Change, Comparison, key_of
from recaudit.analyses.diff.summary import Number
from recaudit.metrics import judging

Q = 0.05


class Direction(StrEnum):
    """Which way a number went, by more than noise."""

    BETTER = "better"
    WORSE = "worse"
    HIGHER = "higher"
    LOWER = "lower"
    SAME = "same"
    """Not at all."""
    UNDECIDED = "no clear change"
    UNTESTED = "no interval"


@dataclass(frozen=True)
class MetricChange:
    """A number of A and of B.

    Attributes:
        change: B - A.
        q: two-sided, of a change as large by chance: Benjamini-Hochberg over the numbers with an interval.
        direction: ``higher`` and ``lower`` where neither is better.
    """

    a: Number
    b: Number
    change: Change
    q: float | None
    direction: Direction

    @property
    def paired(self) -> bool:
        """Whether the same users were drawn on both sides."""
        return self.change.basis is Basis.PAIRED


def compared(comparison: Comparison) -> tuple[MetricChange, ...]:
    """Changes of all numbers of the same name, slice and protocol, in their order; A is the comparison's old side."""
    old = {key_of(number): number for number in comparison.old.numbers}
    pairs = [(old[key_of(number)], number) for number in comparison.new.numbers if key_of(number) in old]
    found = [comparison.change(b, a, relative=False) for a, b in pairs]
    tested = [place for place, change in enumerate(found) if change.error is not None]
    qs = judging.false_discoveries([_p(found[place]) for place in tested])
    by_place = dict(zip(tested, qs, strict=True))
    return tuple(
        MetricChange(a, b, change, by_place.get(place), _direction(a, change, by_place.get(place)))
        for place, ((a, b), change) in enumerate(zip(pairs, found, strict=True))
    )


def _p(change: Change) -> float:
    """Two-sided p of the change, normal with the standard error of the draws (see ``metrics.judging``)."""
    if not change.error:
        return 1.0 if change.value == 0 else 0.0
    return float(2 * ndtr(-abs(change.value) / change.error))


def _direction(number: Number, change: Change, q: float | None) -> Direction:
    if q is None:
        return Direction.UNTESTED
    if change.value == 0:
        return Direction.SAME
    if q > Q:
        return Direction.UNDECIDED
    up = change.value > 0
    if number.better == "none":
        return Direction.HIGHER if up else Direction.LOWER
    return Direction.BETTER if up == (number.better == "higher") else Direction.WORSE
