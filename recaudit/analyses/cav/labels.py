"""Which items are positive, negative or left out for each concept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav.settings import Settings

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
DECILES = 10
_SHARED_ITEMS = 5
"""Items two concepts must share for one to be a covariate of the other: a disjoint concept would give the
label away."""


@dataclass(frozen=True)
class Labels:
    """[items, concepts]: ``positive``, and ``used`` where the item takes part at all.

    ``covariates`` [items, covariates] and ``held`` [covariates, concepts] (true where a covariate is none of a
    concept's) exist for ``adjusted`` only.
    """

    positive: BoolArray
    used: BoolArray
    covariates: BoolArray | None = None
    held: BoolArray | None = None

    @property
    def n_positive(self) -> IntArray:
        return (self.positive & self.used).sum(axis=0)

    @property
    def n_negative(self) -> IntArray:
        return (~self.positive & self.used).sum(axis=0)

    def only(self, concepts: IntArray) -> Labels:
        """Some of the concepts."""
        held = None if self.held is None else self.held[:, concepts]
        return Labels(self.positive[:, concepts], self.used[:, concepts], self.covariates, held)


def labelled(has: BoolArray, kind: NDArray[np.object_], decile: IntArray, settings: Settings) -> Labels:
    """Labels of every concept under the settings.

    Args:
        has: [items, concepts].
        kind: [concepts]; what else an item is matters within a kind only.
        decile: [items] of popularity.
    """
    labels = Labels(has, np.ones_like(has))
    if settings.multilabel == "exclusive":
        labels = _exclusive(has, kind)
    elif settings.multilabel == "adjusted":
        labels = _adjusted(has, kind)
    if settings.negatives == "matched":
        rng = np.random.default_rng([settings.seed, 1])
        used = np.stack(
            [matched(p, u, decile, rng) for p, u in zip(labels.positive.T, labels.used.T, strict=True)], 1
        )
        labels = Labels(labels.positive, used, labels.covariates, labels.held)
    return labels


def contrasted(has: BoolArray, first: int, second: int) -> Labels:
    """One concept against another: items that have both, or neither, are left out. [items, 1]"""
    positive, negative = has[:, [first]], has[:, [second]]
    return Labels(positive, positive ^ negative)


def popularity_deciles(counts: NDArray[np.integer]) -> IntArray:
    """Tenth of the items by training count, 0 = least popular: [items]. Equal counts share the lower tenth's edge."""
    rank = np.argsort(np.argsort(counts, kind="stable"), kind="stable")
    return rank * DECILES // max(len(counts), 1)


def matched(positive: BoolArray, used: BoolArray, decile: IntArray, rng: np.random.Generator) -> BoolArray:
    """``used`` thinned so that negatives follow the positives' popularity: [items].

    Each decile keeps as many negatives per positive as every decile can give, at least one; a decile
    short of that keeps all it has.
    """
    up = np.bincount(decile[positive & used], minlength=DECILES)
    down = np.bincount(decile[~positive & used], minlength=DECILES)
    ratio = max(1, int((down[up > 0] // up[up > 0]).min(initial=1 << 30))) if up.any() else 1
    kept = positive & used
    for number in range(DECILES):
        pool = np.flatnonzero(~positive & used & (decile == number))
        kept[rng.choice(pool, min(len(pool), ratio * up[number]), replace=False)] = True
    return kept


def _exclusive(has: BoolArray, kind: NDArray[np.object_]) -> Labels:
    others = np.empty_like(has)
    for name in dict.fromkeys(kind):
        own = np.flatnonzero(kind == name)
        others[:, own] = has[:, own].sum(axis=1, keepdims=True) > has[:, own]
    positive = has & ~others
    return Labels(positive, positive | ~has)


def _adjusted(has: BoolArray, kind: NDArray[np.object_]) -> Labels:
    shared = has.T.astype(np.float32) @ has.astype(np.float32)  # [concepts, concepts] items in common
    covaries = (shared >= _SHARED_ITEMS) & (kind[:, None] == kind[None, :])
    np.fill_diagonal(covaries, val=False)
    needed = np.flatnonzero(covaries.any(axis=1))
    return Labels(has, np.ones_like(has), has[:, needed], ~covaries[needed])
