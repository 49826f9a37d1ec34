"""Scores of many cases against the whole catalogue, in bounded memory, from stored vectors alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.protocol import Protocol, masked
from recaudit.datasets.timeline import Timeline
from recaudit.metrics.lists import EMPTY
from recaudit.models.heads import HEADS, Head
from recaudit.store.read import CaseRows, Catalogue, TargetRows

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_MOST_ABOVE = 8
"""Candidates per place of a list up to which sorting them is sooner than partitioning everything."""
_CHUNK_CELLS = 1 << 21
"""Scores held at once (8 MiB of float32): a larger block is mapped and faulted in afresh for every chunk."""


@dataclass(frozen=True)
class Field:
    """The competition: cases, their past, and the items that can be recommended."""

    cases: CaseRows
    timeline: Timeline
    catalogue: Catalogue
    protocol: Protocol
    n_items: int
    """Dense items of the data, candidates or not."""

    def scores(self, vectors: FloatArray, chosen: IntArray) -> Iterator[tuple[slice, FloatArray, FloatArray]]:
        """For each chunk of ``chosen`` cases: its slice, raw scores, and scores with the masked at -inf.

        Args:
            vectors: [cases, dim], parallel to ``self.cases``.
        """
        head = head_of(self.catalogue)
        column_of = self.catalogue.column_of(self.n_items)
        size = max(1, _CHUNK_CELLS // max(len(self.catalogue.item_id), 1))
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            raw = head.score(vectors[part])
            case, item = masked(self.protocol, self.cases, self.timeline, part)
            column = column_of[item]
            known = column >= 0
            open_ = raw.copy()
            open_[case[known], column[known]] = -np.inf
            yield slice(start, start + len(part)), raw, open_


def head_of(catalogue: Catalogue) -> Head:
    """The head over the catalogue's items."""
    return HEADS[catalogue.head](catalogue.vectors, catalogue.bias, catalogue.tensors)


def target_ranks(field: Field, vectors: FloatArray, targets: TargetRows) -> IntArray:
    """Rank of each held-out target among the candidates of its case (ties against it): [targets].

    The target always competes, also when the protocol's mask would remove it.
    """
    case_index = np.searchsorted(field.cases.case_id, targets.case_id)
    order = np.argsort(case_index, kind="stable")
    chosen, first = np.unique(case_index[order], return_index=True)
    bounds = np.append(first, len(order))
    column = field.catalogue.column_of(field.n_items)[targets.item]
    ranks = np.empty(len(order), dtype=np.int64)
    for part, raw, open_ in field.scores(vectors, chosen):
        rows = order[bounds[part.start] : bounds[part.stop]]
        local = case_index[rows]
        local = np.searchsorted(chosen[part], local)
        ranks[rows] = _ranks_in(raw, open_, local, column[rows])
    return ranks


def _ranks_in(raw: FloatArray, open_: FloatArray, case: IntArray, column: IntArray) -> IntArray:
    ranks = np.empty(len(case), dtype=np.int64)
    step = max(1, _CHUNK_CELLS // max(raw.shape[1], 1))
    for start in range(0, len(case), step):
        rows, columns = case[start : start + step], column[start : start + step]
        target = raw[rows, columns]
        better = (open_[rows] >= target[:, None]).sum(axis=1)
        # The target counts itself exactly once, whether or not the mask took it out.
        ranks[start : start + step] = better + ~(open_[rows, columns] >= target)
    return ranks


def top_lists(
    field: Field, vectors: FloatArray, chosen: IntArray, depth: int, near: IntArray | None = None
) -> tuple[IntArray, FloatArray]:
    """The best ``depth`` unmasked items of each chosen case, best first; ties go to the lower item id.

    Args:
        near: [chosen, depth] other lists of the same cases that these may be like, as before a small change of the
            vectors. The result is the same, and sooner there.

    Returns:
        Dense items [chosen, depth] (``EMPTY`` past the end of the candidates) and their scores.
    """
    items = np.full((len(chosen), depth), EMPTY, dtype=np.int64)
    scores = np.full((len(chosen), depth), -np.inf, dtype=np.float32)
    depth = min(depth, len(field.catalogue.item_id))
    column_of = field.catalogue.column_of(field.n_items)
    for part, _, open_ in field.scores(vectors, chosen):
        columns = None
        if near is not None and (near[part] != EMPTY).all():
            columns = _best_columns_near(open_, column_of[near[part]])
        if columns is None:
            columns = _best_columns(open_, depth)
        found = np.take_along_axis(open_, columns, axis=1)
        real = np.isfinite(found)
        items[part, :depth] = np.where(real, field.catalogue.item_id[columns], EMPTY)
        scores[part, :depth] = found
    return items, scores


def _best_columns(scores: FloatArray, depth: int) -> IntArray:
    if depth < scores.shape[1]:
        kept = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        kept.sort(axis=1)
    else:
        kept = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, kept, axis=1), axis=1, kind="stable")
    return np.take_along_axis(kept, order, axis=1)


def _best_columns_near(scores: FloatArray, near: IntArray) -> IntArray | None:
    """As ``_best_columns``, for as many columns as ``near`` [rows, depth] has; None where that takes longer.

    The ``depth``-th best score is no worse than the worst of any ``depth`` items, so what lies below need not be sorted.
    """
    rows, depth = near.shape
    floor = np.take_along_axis(scores, near, axis=1).min(axis=1)
    above = np.flatnonzero(scores >= floor[:, None])
    if len(above) > _MOST_ABOVE * depth * rows:
        return None
    row, column = np.divmod(above, scores.shape[1])
    order = np.lexsort((-scores.ravel()[above], row))
    row = row[order]
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(rows))[row]
    return column[order][place < depth].reshape(rows, depth)
