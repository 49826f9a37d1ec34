"""Scores of many cases against the whole catalogue, in bounded memory, from stored vectors alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.protocol import Masks, Protocol, masks
from recaudit.datasets.timeline import Timeline
from recaudit.metrics.lists import EMPTY
from recaudit.models.heads import HEADS, Head
from recaudit.store.read import CaseRows, Catalogue, TargetRows

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Pairs = tuple[IntArray, IntArray]
"""Rows and columns of a block of scores."""

_BLOCK_CELLS = 1 << 19
"""Scores held at once: 2 MiB of float32, which stay in the cache for all that is asked of them."""
_GROUPS_PER_PLACE = 8
"""Groups of columns whose best are looked at to find how good a place of a list must be, for each place."""
_MOST_ABOVE = 8
"""Candidates per place of a list beyond which a row is sorted whole."""


@dataclass(frozen=True)
class Field:
    """The competition: cases, their past, and the items that can be recommended."""

    cases: CaseRows
    timeline: Timeline
    catalogue: Catalogue
    protocol: Protocol
    n_items: int
    """Dense items of the data, candidates or not."""

    @cached_property
    def _masks(self) -> Masks:
        return masks(self.protocol, self.cases, self.timeline)

    @cached_property
    def _columns(self) -> IntArray:
        """Column of the item of each row of the timeline, -1 for items that are no candidates."""
        return self.catalogue.column_of(self.n_items)[self.timeline.item]

    @cached_property
    def _all_known(self) -> bool:
        return bool((self._columns >= 0).all())

    def scores(self, vectors: FloatArray, chosen: IntArray) -> Iterator[tuple[slice, FloatArray, Pairs]]:
        """For each block of ``chosen`` cases: its slice, raw scores, and which of these are out of competition.

        Args:
            vectors: [cases, dim], parallel to ``self.cases``.
        """
        head = head_of(self.catalogue)
        size = max(1, _BLOCK_CELLS // max(len(self.catalogue.item_id), 1))
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            case, row = self._masks.of(part)
            column = self._columns[row]
            if not self._all_known:
                known = column >= 0
                case, column = case[known], column[known]
            yield slice(start, start + len(part)), head.score(vectors[part]), (case, column)


def head_of(catalogue: Catalogue) -> Head:
    """The head over the catalogue's items."""
    return HEADS[catalogue.head](catalogue.vectors, catalogue.bias, catalogue.tensors)


def target_ranks(field: Field, vectors: FloatArray, targets: TargetRows) -> IntArray:
    """Rank of each held-out target among the candidates of its case (ties against it): [targets].

    The target always competes, also when the protocol's mask would remove it.
    """
    return ranked(field, vectors, np.empty(0, np.int64), 0, targets)[2]


def top_lists(field: Field, vectors: FloatArray, chosen: IntArray, depth: int) -> tuple[IntArray, FloatArray]:
    """The best ``depth`` unmasked items of each chosen case, best first; ties go to the lower item id.

    Returns:
        Dense items [chosen, depth] (``EMPTY`` past the end of the candidates) and their scores.
    """
    nothing = np.empty(0, np.int64)
    items, scores, _ = ranked(field, vectors, chosen, depth, TargetRows(nothing, nothing, nothing))
    return items, scores


def ranked(
    field: Field, vectors: FloatArray, listed: IntArray, depth: int, targets: TargetRows
) -> tuple[IntArray, FloatArray, IntArray]:
    """``top_lists`` of the listed cases and ``target_ranks``, every case scored once."""
    items = np.full((len(listed), depth), EMPTY, dtype=np.int64)
    scores = np.full((len(listed), depth), -np.inf, dtype=np.float32)
    ranks = np.empty(len(targets.item), dtype=np.int64)
    depth = min(depth, len(field.catalogue.item_id))
    case_index = np.searchsorted(field.cases.case_id, targets.case_id)
    chosen = np.concatenate([listed, np.setdiff1d(case_index, listed)])
    place = np.empty(len(field.cases.case_id), dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    place = place[case_index]
    order = np.argsort(place, kind="stable")
    place, column = place[order], field.catalogue.column_of(field.n_items)[targets.item[order]]
    for part, block, out in field.scores(vectors, chosen):
        of_block = slice(*np.searchsorted(place, (part.start, part.stop)))
        row, aim = place[of_block] - part.start, column[of_block]
        wanted = block[row, aim]
        block[out] = -np.inf
        ranks[order[of_block]] = _ranks_in(block, row, aim, wanted)
        lists = slice(part.start, min(part.stop, len(listed)))
        if lists.start < lists.stop and depth:
            block = block[: lists.stop - lists.start]
            columns = _best_columns(block, depth)
            found = np.take_along_axis(block, columns, axis=1)
            items[lists, :depth] = np.where(np.isfinite(found), field.catalogue.item_id[columns], EMPTY)
            scores[lists, :depth] = found
    return items, scores, ranks


def _ranks_in(block: FloatArray, row: IntArray, column: IntArray, wanted: FloatArray) -> IntArray:
    """Ranks of targets, their scores before the mask given."""
    ranks = np.empty(len(row), dtype=np.int64)
    step = max(1, _BLOCK_CELLS // max(block.shape[1], 1))
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        better = np.packbits(block[row[part]] >= wanted[part, None], axis=1)
        # The target counts itself exactly once, whether or not the mask took it out.
        itself = block[row[part], column[part]] >= wanted[part]
        ranks[part] = np.bitwise_count(better).sum(axis=1, dtype=np.int64) + ~itself
    return ranks


def _best_columns(scores: FloatArray, depth: int) -> IntArray:
    """Columns of the ``depth`` best scores of each row, best first, equal ones in their order: [rows, depth]."""
    above = np.flatnonzero(scores >= _floors(scores, depth)[:, None])
    row, column = np.divmod(above, scores.shape[1])
    count = np.bincount(row, minlength=len(scores))
    few = (count >= depth) & (count <= _MOST_ABOVE * depth)  # neither flat nor without enough numbers
    best = np.empty((len(scores), depth), dtype=np.int64)
    if not few.all():
        best[~few] = np.argsort(-scores[~few], axis=1, kind="stable")[:, :depth]
        kept = few[row]
        row, column = row[kept], column[kept]
    order = np.lexsort((-scores[row, column], row))
    row = row[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    best[row[place < depth], place[place < depth]] = column[order][place < depth]
    return best


def _floors(scores: FloatArray, depth: int) -> FloatArray:
    """For each row a number that at least ``depth`` of its scores reach, and few more do: [rows].

    Columns are folded into groups that keep their best, and the ``depth``-th best group is taken.
    """
    best = scores
    while (half := best.shape[1] // 2) >= _GROUPS_PER_PLACE * depth:
        best = np.maximum(best[:, :half], best[:, half : 2 * half])
    place = best.shape[1] - depth
    return np.asarray(np.partition(best, place, axis=1)[:, place])
