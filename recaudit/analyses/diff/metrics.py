"""Every number that both models have, and how it changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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
        q: two-sided, of a change as large by chance: Benjamini-Hochberg over the numbers of its family (``ranking``,
            ``coverage``, …); None where there is no interval, or nothing that could differ.
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
    qs = _by_family([a.metric for a, _ in pairs], found)
    return tuple(
        MetricChange(a, b, change, q, _direction(a, change, q))
        for (a, b), change, q in zip(pairs, found, qs, strict=True)
    )


def _by_family(metrics: list[str], changes: list[Change]) -> list[float | None]:
    """BH within each family (``ranking``, ``coverage``, …): ranking is one question, which concepts are covered another.

    A number that cannot differ (plain popularity on the same data) is no test.
    """
    families: dict[str, list[int]] = {}
    for place, (metric, change) in enumerate(zip(metrics, changes, strict=True)):
        if change.error or (change.error == 0 and change.value):
            families.setdefault(metric.partition(".")[0], []).append(place)
    qs: list[float | None] = [None] * len(changes)
    for places in families.values():
        ps = [judging.p_two_sided(changes[place].value, changes[place].error or 0.0) for place in places]
        for place, q in zip(places, judging.false_discoveries(ps), strict=True):
            qs[place] = q
    return qs


def _direction(number: Number, change: Change, q: float | None) -> Direction:
    if change.value == 0:
        return Direction.SAME
    if q is None:
        return Direction.UNTESTED
    if q > Q:
        return Direction.UNDECIDED
    up = change.value > 0
    if number.better == "none":
        return Direction.HIGHER if up else Direction.LOWER
    return Direction.BETTER if up == (number.better == "higher") else Direction.WORSE
