"""The best latent for each concept, picked on one half of the entities and scored on the other.

Picking the best of a thousand columns and scoring it on the same entities flatters every dictionary, a
larger one more. Here each split serves twice (either half picks, the other scores), splits are repeated,
and the figure is the mean over all folds: what the picking rule earns on entities it has not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from recaudit.metrics.association import auc_of_counts
from recaudit.metrics.intervals import DRAWS, LEVEL
from recaudit.metrics.ordering import midcounts, ordered, ordered_within, unsorted

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NONE = -1
"""Pick of a concept that a half cannot tell apart: all or none of its entities have it."""

_CELLS = 1 << 20
"""Scores held at once (8 MiB of float64)."""


class Scores(Protocol):
    """Scores of entities in the directions of a dictionary, read some columns at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """(entities, directions)."""
        ...

    def columns(self, which: IntArray) -> FloatArray:
        """[entities, len(which)]."""
        ...


@dataclass(frozen=True)
class MatrixScores:
    """Scores held as a matrix, sparse or dense."""

    matrix: csc_array | NDArray[np.floating]

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape[0], self.matrix.shape[1]

    def columns(self, which: IntArray) -> FloatArray:
        part = self.matrix[:, which]
        return np.asarray(part.toarray() if hasattr(part, "toarray") else part, dtype=np.float64)


@dataclass(frozen=True)
class HeldOut:
    """AUC of picked latents on entities they were not picked on, over all folds."""

    auc: FloatArray
    """[concepts], mean over folds; NaN where no fold could score."""
    influence: FloatArray
    """[entities, concepts]: to first order, drawing entity i once more moves the AUC by influence[i]."""


def column_blocks(scores: Scores) -> Iterator[tuple[IntArray, FloatArray]]:
    """All columns, as many at a time as fit in a few MiB."""
    entities, directions = scores.shape
    step = max(1, _CELLS // max(entities, 1))
    for start in range(0, directions, step):
        which = np.arange(start, min(start + step, directions))
        yield which, scores.columns(which)


def halves(labels: csr_array, repeats: int, seed: int) -> list[BoolArray]:
    """Random halves of the entities that split every concept about evenly.

    Concepts are dealt out from the rarest to the commonest; of each, the entities not yet dealt go where
    the concept is short (the idea of Sechidis, Tsoumakas and Vlahavas 2011, one concept at a time).

    Returns:
        ``repeats`` masks [entities].
    """
    by_concept = csc_array(labels)
    sizes = np.diff(by_concept.indptr)
    found = []
    for rng in np.random.default_rng(seed).spawn(repeats):
        side = np.full(labels.shape[0], NONE, dtype=np.int8)
        for concept in np.argsort(sizes, kind="stable"):
            members = by_concept.indices[by_concept.indptr[concept] : by_concept.indptr[concept + 1]]
            _deal(side, members, rng)
        _deal(side, np.arange(len(side)), rng)
        found.append(side == 1)
    return found


def _deal(side: NDArray[np.int8], members: IntArray, rng: np.random.Generator) -> None:
    """Give the undealt of ``members`` a side so that both sides end up with about as many members."""
    dealt = side[members]
    left = rng.permutation(members[dealt == NONE])
    if not len(left):
        return
    # An odd one out goes to either side: always the same would tilt the halves.
    wanted = (len(members) + rng.integers(0, 2)) // 2 - int((dealt == 1).sum())
    first = int(np.clip(wanted, 0, len(left)))
    side[left[:first]] = 1
    side[left[first:]] = 0


@dataclass(frozen=True)
class Picks:
    """The direction of highest AUC for each concept, the lower one of equals; ``NONE`` where undefined."""

    folds: IntArray
    """[2 x masks, concepts]: fold 2r picked where ``masks[r]`` is true, fold 2r + 1 where it is false."""
    whole: IntArray
    """[concepts] over all entities: for naming, never for scoring."""


def picks(scores: Scores, labels: csr_array, masks: list[BoolArray]) -> Picks:
    """Pick the best direction for each concept in each half, and overall."""
    best = np.full((2 * len(masks) + 1, labels.shape[1]), -np.inf)
    chosen = np.full(best.shape, NONE)
    for which, block in column_blocks(scores):
        for fold, found in enumerate(_auc_of_halves(block, labels, masks)):
            found = np.nan_to_num(found, nan=-np.inf)
            row = found.argmax(axis=0)
            highest = np.take_along_axis(found, row[None], axis=0)[0]
            better = highest > best[fold]
            best[fold, better] = highest[better]
            chosen[fold, better] = which[row[better]]
    return Picks(chosen[:-1], chosen[-1])


def _auc_of_halves(block: FloatArray, labels: csr_array, masks: list[BoolArray]) -> Iterator[FloatArray]:
    """AUC within both halves of each mask, and at last over all entities: [columns, concepts]."""
    ordering = ordered(block)
    below = unsorted(ordering, (ordering.first + ordering.after) / 2)
    for mask in masks:
        inside = midcounts(ordering, mask)
        yield auc_of_counts(inside[:, mask], labels[mask])
        yield auc_of_counts((below - inside)[:, ~mask], labels[~mask])
    yield auc_of_counts(below, labels)


def scored(
    scores: Scores,
    labels: csr_array,
    masks: list[BoolArray],
    chosen: IntArray,
    strata: IntArray | None = None,
) -> HeldOut:
    """Score ``picks`` on the halves they were not made on.

    Args:
        labels: [entities, concepts]; keep entities x concepts to a few million cells, the influence is dense.
        chosen: ``folds`` of ``picks`` with the same masks.
        strata: [entities]; entities are compared only within a stratum, strata weighing by their pairs, so
            that what a column owes to telling strata apart does not count.
    """
    has = labels.toarray().astype(bool)
    total, folds = np.zeros(has.shape[1]), np.zeros(has.shape[1])
    influence = np.zeros(has.shape)
    scoring = [inside for mask in masks for inside in (~mask, mask)]
    for fold, inside in enumerate(scoring):
        concepts = np.flatnonzero(chosen[fold] != NONE)
        if not len(concepts):
            continue
        columns = scores.columns(chosen[fold, concepts])[inside]
        value, part = auc_influence(
            columns, has[np.ix_(inside, concepts)], None if strata is None else strata[inside]
        )
        defined = ~np.isnan(value)
        total[concepts[defined]] += value[defined]
        folds[concepts[defined]] += 1
        influence[np.ix_(inside, concepts[defined])] += part[:, defined]
    with np.errstate(invalid="ignore"):
        return HeldOut(np.where(folds > 0, total / folds, np.nan), influence / np.maximum(folds, 1))


def auc_influence(
    scores: FloatArray, has: BoolArray, strata: IntArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """AUC of each column for the labels of the same column, and the influence of each entity on it.

    The influence is DeLong's placement values less their mean, over the number of entities of the kind: its
    sum of squares is the variance of the AUC (DeLong, DeLong and Clarke-Pearson 1988, without their n - 1).

    Args:
        scores: [entities, columns].
        has: [entities, columns].
        strata: as ``scored``.

    Returns:
        [columns] and [entities, columns]; NaN where no pair can be compared.
    """
    stratum = np.zeros(len(scores), np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
    ordering = ordered(scores) if strata is None else ordered_within(scores, stratum)
    of_stratum = csr_array(
        (np.ones(len(stratum)), (stratum, np.arange(len(stratum)))),
        shape=(int(stratum.max(initial=0)) + 1, len(stratum)),
    )
    with_, without = of_stratum @ has.astype(np.float64), of_stratum @ (~has).astype(np.float64)
    # Counts run on from one stratum to the next: those of earlier strata are taken off.
    below = midcounts(ordering, ~has.T).T - (without.cumsum(axis=0) - without)[stratum]
    above = with_.cumsum(axis=0)[stratum] - midcounts(ordering, has.T).T
    pairs = (with_ * without).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(pairs > 0, (below * has).sum(axis=0) / pairs, np.nan)
        influence = np.where(has, below - value * without[stratum], above - value * with_[stratum]) / pairs
    return value, influence


def bootstrap_intervals(
    value: FloatArray, influence: FloatArray, *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> tuple[FloatArray, FloatArray]:
    """Percentile interval of each figure over entities drawn with replacement, picks kept as they are.

    First-order bootstrap: a draw moves the figure by the sum of its entities' influence. All concepts and
    dictionaries share one set of draws, so differences of influence give paired intervals.

    Args:
        value: [concepts].
        influence: [entities, concepts].

    Returns:
        Low and high [concepts]; not clipped, since differences may be negative.
    """
    entities = len(influence)
    rng = np.random.default_rng(seed)
    moved = np.empty((draws, influence.shape[1]))
    step = max(1, _CELLS // max(entities, 1))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = rng.integers(0, entities, (rows, entities)) + np.arange(rows)[:, None] * entities
        weights = np.bincount(drawn.ravel(), minlength=rows * entities).reshape(rows, entities)
        moved[start : start + rows] = weights @ influence
    tail = (1 - level) / 2
    low, high = np.quantile(moved, [tail, 1 - tail], axis=0)
    return value + low, value + high


def p_above_zero(value: FloatArray, influence: FloatArray) -> FloatArray:
    """One-sided p that each figure is above 0, from the normal limit of the same bootstrap: [concepts].

    A figure without variance (two perfect AUCs) has p 1 at or below 0, and 0 above. NaN stays NaN.
    """
    from scipy.special import ndtr

    spread = np.sqrt((influence**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread > 0, value / spread, np.where(value > 0, np.inf, -np.inf))
    return np.where(np.isnan(value), np.nan, ndtr(-z))
