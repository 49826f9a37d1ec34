"""A model beside an older one: how a number changed, with an interval.

Where the number follows from sums over users (``recipes``) and both models know the same users, these are drawn with
replacement and both models are summed over the same draw: noise that both share cancels. Where they do not, each
model's users are drawn on their own. Any other number has only its stored interval on either side; the two are taken
as independent, which errs towards too wide an interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.diff.by_user import UserValues
from recaudit.analyses.diff.recipes import LEAST_USERS, Recipe, recipe
from recaudit.analyses.diff.summary import Number, Summary
from recaudit.metrics.intervals import DRAWS, LEVEL, bootstrap_sums

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LEAST_SHARED = 0.5
"""Share of the smaller side's users that both must know for the two to be paired."""


class Basis(StrEnum):
    """What the interval of a change rests on."""

    PAIRED = "paired users"
    UNPAIRED = "each model's users"
    INTERVALS = "stored intervals"
    NONE = "no interval"


@dataclass(frozen=True)
class Change:
    """From the old model to the new one.

    Attributes:
        value: new - old, or new / old - 1 where ``relative``.
        low, high: its 95 % interval; None where no side has one.
        error: its standard error.
        n: users it rests on; of the smaller side where users differ.
        how: how it was computed, in a sentence.
        basis: the same in a word.
    """

    value: float
    low: float | None
    high: float | None
    error: float | None
    n: int
    how: str
    basis: Basis


class Comparison:
    """Two models, and the draws that all their numbers share."""

    def __init__(
        self,
        new: Summary,
        old: Summary,
        *,
        groups: Mapping[str, BoolArray] | None = None,
        seed: int,
        draws: int = DRAWS,
    ) -> None:
        """``groups``: [users of ``new``] members of each user group, by ``attribute=value``."""
        self.new, self.old = new, old
        self._seed, self._draws = seed, draws
        shared, rows_new, rows_old = np.intersect1d(
            new.users.hashes, old.users.hashes, assume_unique=True, return_indices=True
        )
        fewest = min(len(new.users), len(old.users))
        self.paired = len(shared) > 0 and len(shared) >= LEAST_SHARED * fewest
        self.same_held_out = new.held_out == old.held_out
        if self.paired:
            self._new, self._old = new.users.taken(rows_new), old.users.taken(rows_old)
            self._groups = {name: members[rows_new] for name, members in (groups or {}).items()}
        else:
            self._new, self._old, self._groups = new.users, old.users, {}
        names = set(self._new.columns) & set(self._old.columns)
        self._names = {name: place for place, name in enumerate(sorted(names))}
        self._drawn: dict[str | None, tuple[FloatArray, FloatArray]] = {}

    @property
    def about(self) -> str:
        """Whom the comparison is over, in words."""
        new, old = len(self.new.users), len(self.old.users)
        if self.paired:
            said = f"paired over {len(self._new):,} users known to both (of {new:,} and {old:,})"
        else:
            said = f"unpaired: too few of {new:,} and {old:,} users are the same"
        return said if self.same_held_out else f"{said}; what is held out differs"

    def change(self, number: Number, old: Number, *, relative: bool) -> Change:
        """How a number changed."""
        found = recipe(number.metric, number.slice)
        if found is not None:
            drawn = self._by_users(found, relative=relative)
            if drawn is not None:
                return drawn
        return _of_intervals(number, old, relative=relative)

    def _by_users(self, found: Recipe, *, relative: bool) -> Change | None:
        if found.numerator not in self._names or found.denominator not in self._names:
            return None
        if found.attribute is not None:
            groups = self._groups_of(found)
            if len(groups) < 2:
                return None
        elif found.group is not None:
            if not np.any(self._members(found.group)):
                return None
            groups = [found.group]
        else:
            groups = [None]
        whole = [self._sums(group) for group in groups]
        drawn = [self._resampled(group) for group in groups]
        new, old = (self._ratios(found, [sums[side][None] for sums in whole]) for side in (0, 1))
        value = _changed(new, old, relative)
        new, old = (self._ratios(found, [sums[side] for sums in drawn]) for side in (0, 1))
        draws = _changed(new, old, relative)
        draws = draws[np.isfinite(draws)]
        if not np.isfinite(value[0]) or len(draws) < self._draws / 2:
            return None
        if found.attribute is not None:
            # A largest-less-smallest grows with noise: draws are shifted to have their mean on the value.
            draws = draws - draws.mean() + value[0]
        tail = (1 - LEVEL) / 2
        low, high = np.quantile(draws, [tail, 1 - tail])
        n = min(self._count(found, groups, self._new), self._count(found, groups, self._old))
        where = "" if found.group is None else f" of {found.group}"
        how = f"bootstrap over users{where}, {self._draws:,} draws, seed {self._seed}; {self.about}"
        basis = Basis.PAIRED if self.paired else Basis.UNPAIRED
        return Change(float(value[0]), float(low), float(high), float(draws.std()), n, how, basis)

    def _members(self, group: str) -> BoolArray:
        return self._groups.get(group, np.zeros(len(self._new), dtype=bool))

    def _groups_of(self, found: Recipe) -> list[str | None]:
        """Groups of the attribute with enough users that have a target, in order."""
        has = self._new.columns[found.denominator] > 0
        prefix = f"{found.attribute}="
        return [
            name
            for name, members in self._groups.items()
            if name.startswith(prefix) and (members & has).sum() >= LEAST_USERS
        ]

    def _matrices(self, group: str | None) -> tuple[FloatArray, FloatArray]:
        both = tuple(
            np.column_stack([side.columns[name] for name in self._names]) for side in (self._new, self._old)
        )
        if group is None:
            return both[0], both[1]
        members = self._members(group)
        return both[0][members], both[1][members]

    def _sums(self, group: str | None) -> tuple[FloatArray, FloatArray]:
        new, old = self._matrices(group)
        return new.sum(axis=0), old.sum(axis=0)

    def _resampled(self, group: str | None) -> tuple[FloatArray, FloatArray]:
        """Sums [draws, columns] of the new and the old model; every number of a group shares them."""
        if group not in self._drawn:
            new, old = self._matrices(group)
            if self.paired:
                both = bootstrap_sums(np.hstack([new, old]), seed=self._seed, draws=self._draws)
                self._drawn[group] = both[:, : new.shape[1]], both[:, new.shape[1] :]
            else:
                self._drawn[group] = (
                    bootstrap_sums(new, seed=self._seed, draws=self._draws),
                    bootstrap_sums(old, seed=self._seed + 1, draws=self._draws),
                )
        return self._drawn[group]

    def _ratios(self, found: Recipe, sums: list[FloatArray]) -> FloatArray:
        top, bottom = self._names[found.numerator], self._names[found.denominator]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = np.stack([part[..., top] / part[..., bottom] for part in sums])
        if found.attribute is None:
            return np.asarray(ratios[0])
        return np.asarray(ratios.max(axis=0) - ratios.min(axis=0))

    def _count(self, found: Recipe, groups: list[str | None], side: UserValues) -> int:
        has = side.columns[found.denominator] > 0
        if groups == [None]:
            return int(has.sum())
        return sum(int((has & self._members(str(group))).sum()) for group in groups)


def _changed(new: FloatArray, old: FloatArray, relative: bool) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(new / old - 1 if relative else new - old)


def _of_intervals(new: Number, old: Number, *, relative: bool) -> Change:
    """From stored values and intervals alone."""
    value = float(_changed(np.array([new.value]), np.array([old.value]), relative)[0])
    n = min(new.n, old.n)
    if new.error is None or old.error is None:
        said = "difference of two values of which one or both have no interval"
        return Change(value, None, None, None, n, said, Basis.NONE)
    error = float(np.hypot(new.error, old.error))
    how = "from the stored intervals of both models, taken as independent: wider than a paired one would be"
    if relative:
        if not old.value:
            said = "the old value is 0: no share of it can be taken"
            return Change(value, None, None, None, n, said, Basis.NONE)
        error = float(np.hypot(new.error, old.error * new.value / old.value) / abs(old.value))
    return Change(value, value - 1.959964 * error, value + 1.959964 * error, error, n, how, Basis.INTERVALS)


def same_number(number: Number, among: Mapping[tuple[str, str, str], Number]) -> Number | None:
    """The number of the same name, slice and protocol."""
    return among.get(key_of(number))


def key_of(number: Number) -> tuple[str, str, str]:
    """What tells a number from the others of its model."""
    return number.metric, repr(sorted((k, str(v)) for k, v in number.slice.items())), number.protocol
