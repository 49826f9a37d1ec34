"""Does the reconstructed recommender still recommend the same, and as well? Asked again and again in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.inputs import LIST_LENGTH
from recaudit.analyses.protocol import Protocol
from recaudit.analyses.scoring import Field, target_ranks, top_lists
from recaudit.datasets.types import Split
from recaudit.metrics import lists, ranking
from recaudit.store import Audit, read
from recaudit.store.read import CaseRows, Model, TargetRows

FloatArray = NDArray[np.float32]
Rebuild = Callable[[str, FloatArray], FloatArray]

LISTS = 1000
"""Held-out users whose lists are compared at a look."""
TARGETS = 4000
"""Validation targets of held-out users whose ranks are."""
FEWEST_TARGETS = 200
"""Below this the NDCG ratio is mostly noise, and lists alone decide."""


@dataclass(frozen=True)
class Judge:
    """Holds the original's answers, so that a look only makes the reconstructed ones."""

    field: Field
    site: str
    listed: NDArray[np.int64]
    original_lists: NDArray[np.int64]
    targets: TargetRows
    original_ndcg: float

    def __call__(self, rebuild: Rebuild) -> tuple[float, float | None]:
        """Overlap of the first ten, in 0..1, and NDCG@10 reconstructed over original, None without targets.

        Args:
            rebuild: kind (``case``, ``item``) and vectors [n, dim] to their reconstruction.
        """
        vectors = self.field.cases.vectors
        field = self.field
        if self.site in ("user", "both"):
            vectors = rebuild("case", vectors)
        if self.site in ("item", "both"):
            field = replace(
                field, catalogue=replace(field.catalogue, vectors=rebuild("item", field.catalogue.vectors))
            )
        items, _ = top_lists(field, vectors, self.listed, LIST_LENGTH)
        overlap = float(lists.overlap(self.original_lists, items).mean())
        if not self.original_ndcg:
            return overlap, None
        ndcg = ranking.ndcg(target_ranks(field, vectors, self.targets), LIST_LENGTH).mean()
        return overlap, float(ndcg) / self.original_ndcg


def make_judge(
    audit: Audit, model: Model, protocol: Protocol, site: str, held_out: NDArray[np.int64], seed: int
) -> Judge:
    """A judge on the newest case of held-out users, and on their validation targets where those are enough.

    Args:
        held_out: users whose cases are not trained on.
    """
    rng = np.random.default_rng(seed)
    newest = read.cases(audit, model, read.NEWEST_KINDS)
    places = np.flatnonzero(np.isin(newest.user, held_out))
    newest = _rows(newest, np.sort(rng.permutation(places)[:LISTS]))
    # A profile holds its validation items, so a set model's targets have no case to be ranked for.
    with_target = read.cases(audit, model, ("user", "valid"))
    with_target = _rows(with_target, np.flatnonzero(np.isin(with_target.user, held_out)))
    targets = read.targets(audit, model, Split.VALID)
    places = np.flatnonzero(np.isin(targets.case_id, with_target.case_id))
    targets = _targets(targets, np.sort(rng.permutation(places)[:TARGETS]))
    with_target = _rows(with_target, np.flatnonzero(np.isin(with_target.case_id, targets.case_id)))
    field = Field(
        cases=_joined(newest, with_target),
        timeline=read.timeline(audit, model.dataset_id),
        catalogue=read.catalogue(audit, model),
        protocol=protocol,
        n_items=read.count(audit, "items", model.dataset_id),
    )
    listed = np.flatnonzero(np.isin(field.cases.case_id, newest.case_id))
    original, _ = top_lists(field, field.cases.vectors, listed, LIST_LENGTH)
    ndcg = 0.0
    if len(targets.target_id) >= FEWEST_TARGETS:
        ndcg = float(ranking.ndcg(target_ranks(field, field.cases.vectors, targets), LIST_LENGTH).mean())
    return Judge(field, site, listed, original, targets, ndcg)


def _rows(rows: CaseRows, places: NDArray[np.int64]) -> CaseRows:
    return CaseRows(
        rows.case_id[places],
        rows.user[places],
        rows.kind[places],
        rows.history_end[places],
        rows.vectors[places],
    )


def _targets(rows: TargetRows, places: NDArray[np.int64]) -> TargetRows:
    return TargetRows(rows.target_id[places], rows.case_id[places], rows.item[places])


def _joined(a: CaseRows, b: CaseRows) -> CaseRows:
    """Both, each case once, in order of case id."""
    both = CaseRows(
        *(np.concatenate([getattr(a, name), getattr(b, name)]) for name in CaseRows.__dataclass_fields__)
    )
    _, first = np.unique(both.case_id, return_index=True)
    return _rows(both, first)
