"""How well does each latent tell the entities that have a concept from those that have not? All pairs.

A latent's column is put in order once; every concept's figures then follow from where its entities stand,
so the cost is that of the label entries among the firing entities, never of pairs times entities.
Definitions are scikit-learn's, ties included: entities of equal score enter together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from recaudit.metrics.ordering import Ordering, midcounts

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CELLS = 1 << 20
"""Pairs in one part (8 MiB of float64 an array)."""


@dataclass(frozen=True)
class Association:
    """Latents against concepts, every array [latents, concepts].

    A concept that none or all entities have tells nothing apart: its ``auc`` is NaN; with none, the other
    figures are NaN too.
    """

    auc: FloatArray
    """P(a random entity with the concept scores above one without), ties half; .5 = unrelated, 1 = perfect."""
    ap: FloatArray
    """Average precision, Σ (recall gained) x precision over thresholds; the base rate = unrelated."""
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray
    """Of the threshold (predict score >= threshold) with the highest F1; the strictest where several tie."""
    threshold: FloatArray
    both: IntArray
    """Entities that have the concept and on which the latent fires (score > 0)."""


def associations(scores: csc_array | FloatArray, labels: csr_array) -> Association:
    """Every latent against every concept.

    Args:
        scores: [entities, latents]; sparse columns are of non-negative values, dense ones may be any.
        labels: [entities, concepts], binary.
    """
    parts = [part for _, part in association_parts(scores, labels)]
    return Association(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Association))
    )


def association_parts(
    scores: csc_array | FloatArray, labels: csr_array
) -> Iterator[tuple[slice, Association]]:
    """As ``associations``, some latents at a time, so that what is held does not grow with their number."""
    labels = _binary(labels)
    n_latents = scores.shape[1]
    step = max(1, _CELLS // max(labels.shape[1], 1))
    for start in range(0, max(n_latents, 1), step):
        part = slice(start, min(start + step, n_latents))
        yield part, _associated(scores, range(part.start, part.stop), labels)


def auc(ordering: Ordering, labels: csr_array) -> FloatArray:
    """AUC of every ordered column against every concept: [columns, concepts]; NaN as in ``Association``.

    Args:
        labels: [entities, concepts], binary.
    """
    return auc_of_counts(midcounts(ordering, np.ones(labels.shape[0], dtype=bool)), labels)


def auc_of_counts(counts: FloatArray, labels: csr_array) -> FloatArray:
    """AUC from how many of the entities lie below each: [columns, concepts].

    Args:
        counts: [columns, entities] from ``midcounts``, of just these entities.
        labels: [entities, concepts], binary.
    """
    n = labels.shape[0]
    n_with = labels.sum(axis=0).astype(np.float64)
    pairs = n_with * (n - n_with)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pairs > 0, ((labels.T @ counts.T).T - n_with**2 / 2) / pairs, np.nan)


def _binary(labels: csr_array) -> csr_array:
    plain = csr_array(labels, dtype=np.float64)
    plain.sum_duplicates()
    plain.eliminate_zeros()
    if not np.all(plain.data == 1):
        raise ValueError("labels must be 0 or 1, each pair once")
    return plain


def _associated(scores: csc_array | FloatArray, latents: range, labels: csr_array) -> Association:
    n, n_concepts = labels.shape
    n_with = np.bincount(labels.indices, minlength=n_concepts).astype(np.float64)
    shape = (len(latents), n_concepts)
    figures = {
        field.name: np.zeros(shape, np.int64) if field.name == "both" else np.empty(shape)
        for field in fields(Association)
    }
    for row, latent in enumerate(latents):
        entity, value = _column(scores, latent)
        for name, values in _column_figures(entity, value, labels, n, n_with).items():
            figures[name][row] = values
    return Association(**figures)


def _column(scores: csc_array | FloatArray, latent: int) -> tuple[IntArray, FloatArray]:
    """Entities to be put in order and their scores, best first; those left out tie at 0 below them all."""
    if isinstance(scores, csc_array):
        part = slice(scores.indptr[latent], scores.indptr[latent + 1])
        entity, value = scores.indices[part], scores.data[part].astype(np.float64)
        if (value < 0).any():
            raise ValueError("sparse scores must not be negative")
        entity, value = entity[value > 0], value[value > 0]
    else:
        value = scores[:, latent].astype(np.float64)
        entity = np.arange(len(value))
    order = np.argsort(-value, kind="stable")
    return entity[order], value[order]


def _column_figures(
    entity: IntArray, value: FloatArray, labels: csr_array, n: int, n_with: FloatArray
) -> dict[str, NDArray[np.float64] | IntArray]:
    """Figures of one latent against every concept."""
    m, n_concepts = len(entity), len(n_with)
    by_concept = labels[entity].tocsc()  # places of each concept's entities, best first
    place, starts = by_concept.indices, by_concept.indptr[:-1]
    found = np.diff(by_concept.indptr)
    concept = np.repeat(np.arange(n_concepts), found)
    first, after = _tied(value)
    above = first[place]  # entities scoring strictly higher
    through = after[place].astype(
        np.float64
    )  # entities scoring at least as high: predicted at this threshold
    hits = _hits_through(concept, above) - np.repeat(starts, found)
    # Mid-rank from below, of those in order and of the m..n tied at the bottom.
    in_order = np.bincount(concept, weights=n - (above + through) / 2, minlength=n_concepts)
    rank_sum = in_order + (n_with - found) * (n - m) / 2
    in_order = np.bincount(concept, weights=hits / through, minlength=n_concepts)
    precision_sum = in_order + (n_with - found) * n_with / max(n, 1)
    pairs = n_with * (n - n_with)
    with np.errstate(divide="ignore", invalid="ignore"):
        auc_ = np.where(pairs > 0, (rank_sum - n_with**2 / 2) / pairs, np.nan)
        ap = precision_sum / n_with
    best_f1, entry = _best_threshold(2 * hits / (through + n_with[concept]), starts, found, n_with, n)
    chosen = entry >= 0
    # Where no entity in order helps, the best is to predict all.
    tp, predicted, threshold = n_with.copy(), np.full(n_concepts, float(n)), np.zeros(n_concepts)
    tp[chosen], predicted[chosen] = hits[entry[chosen]], through[entry[chosen]]
    threshold[chosen] = value[place[entry[chosen]]]
    with np.errstate(divide="ignore", invalid="ignore"):
        figures = {
            "auc": auc_,
            "ap": ap,
            "precision": tp / predicted,
            "recall": tp / n_with,
            "f1": best_f1,
            "threshold": threshold,
        }
    figures = {name: np.where(n_with == 0, np.nan, column) for name, column in figures.items()}
    fires = np.bincount(concept[value[place] > 0], minlength=n_concepts)
    return {**figures, "both": fires}


def _tied(value: FloatArray) -> tuple[IntArray, IntArray]:
    """Where the run of equal values around each place begins, and where it ends."""
    change = np.flatnonzero(value[1:] != value[:-1]) + 1
    bounds = np.concatenate([[0], change, [len(value)]])
    run = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    return bounds[run], bounds[run + 1]


def _hits_through(concept: IntArray, run: IntArray) -> FloatArray:
    """Entries up to the end of the (concept, run of ties) of each entry, entries being sorted by both."""
    if not len(concept):
        return np.empty(0)
    new = np.ones(len(concept) + 1, dtype=bool)
    new[1:-1] = (concept[1:] != concept[:-1]) | (run[1:] != run[:-1])
    ends = np.flatnonzero(new)[1:]
    return np.repeat(ends, np.diff(np.flatnonzero(new))).astype(np.float64)


def _best_threshold(
    f1: FloatArray, starts: IntArray, found: IntArray, n_with: FloatArray, n: int
) -> tuple[FloatArray, IntArray]:
    """The highest F1 of each concept and the entry it is reached at, -1 for "predict all".

    Only thresholds at an entity with the concept can be best: one more entity without it lowers F1.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(n_with > 0, 2 * n_with / (n + n_with), np.nan)
    entry = np.full(len(found), -1)
    some = found > 0
    if not some.any():
        return best, entry
    highest = np.zeros(len(found))
    highest[some] = np.maximum.reduceat(f1, starts[some])
    at_highest = np.flatnonzero(f1 == np.repeat(highest, found))
    concept = np.repeat(np.arange(len(found)), found)[at_highest]
    winners = np.full(len(found), -1)
    winners[concept[::-1]] = at_highest[::-1]
    wins = some & (highest >= best)
    return np.where(wins, highest, best), np.where(wins, winners, entry)
