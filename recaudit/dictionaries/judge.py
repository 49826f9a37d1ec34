"""Does the reconstructed recommender still recommend the same, and as well? Asked again and again in training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.inputs import LIST_LENGTH
from recaudit.analyses.protocol import Protocol
from recaudit.analyses.scoring import Field, target_ranks, top_lists
from recaudit.datasets.timeline import Timeline
from recaudit.datasets.types import Split
from recaudit.metrics import lists, ranking
from recaudit.store import Audit, read
from recaudit.store.read import CaseRows, Model, TargetRows

FloatArray = NDArray[np.float32]
Rebuild = Callable[[str, FloatArray], FloatArray]

LISTS = 1000
"""Lists of held-out users that are compared at a look: one a user, and where there are fewer users, lists after
shorter histories of theirs as well. A few dozen lists would choose a moment by chance."""
TARGETS = 4000
"""Targets of held-out users whose ranks are."""
MANY_USERS = 1000
"""Held-out users with validation targets that make an NDCG steady enough to tell one moment of a training from
another. Where there are fewer, their training interactions stand in: the autoencoder has not seen these."""
FEWEST_TARGETS = 100
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
    """A judge on lists of held-out users as ``LISTS`` says, and on their targets as ``MANY_USERS`` does.

    Args:
        held_out: users whose cases are not trained on.
    """
    rng = np.random.default_rng(seed)
    timeline = read.timeline(audit, model.dataset_id)
    listed_rows = _listed(audit, model, held_out, rng)
    with_target, targets = _validation(audit, model, held_out, rng)
    if len(np.unique(with_target.user)) < MANY_USERS:
        stand_ins = _training(audit, model, timeline, held_out, rng)
        with_target, targets = max((with_target, targets), stand_ins, key=lambda found: len(found[1].item))
    field = Field(
        cases=_joined(listed_rows, with_target),
        timeline=timeline,
        catalogue=read.catalogue(audit, model),
        protocol=protocol,
        n_items=read.count(audit, "items", model.dataset_id),
    )
    listed = np.flatnonzero(np.isin(field.cases.case_id, listed_rows.case_id))
    original, _ = top_lists(field, field.cases.vectors, listed, LIST_LENGTH)
    ndcg = 0.0
    if len(targets.target_id) >= FEWEST_TARGETS:
        ndcg = float(ranking.ndcg(target_ranks(field, field.cases.vectors, targets), LIST_LENGTH).mean())
    return Judge(field, site, listed, original, targets, ndcg)


def _listed(audit: Audit, model: Model, held_out: NDArray[np.int64], rng: np.random.Generator) -> CaseRows:
    newest = _of(read.cases(audit, model, read.NEWEST_KINDS), held_out)
    chosen = _rows(newest, np.sort(rng.permutation(len(newest))[:LISTS]))
    wanting = LISTS - len(chosen)
    if not wanting:
        return chosen
    earlier = _of(read.cases(audit, model, ("train", "valid")), held_out)
    return _joined(chosen, _rows(earlier, rng.permutation(len(earlier))[:wanting]))


def _validation(
    audit: Audit, model: Model, held_out: NDArray[np.int64], rng: np.random.Generator
) -> tuple[CaseRows, TargetRows]:
    # A profile holds its validation items, so a set model's targets have no case to be ranked for.
    cases = _of(read.cases(audit, model, ("user", "valid")), held_out)
    targets = read.targets(audit, model, Split.VALID)
    known = np.flatnonzero(np.isin(targets.case_id, cases.case_id))
    targets = _targets(targets, np.sort(rng.permutation(known)[:TARGETS]))
    return _with(cases, targets), targets


def _training(
    audit: Audit, model: Model, timeline: Timeline, held_out: NDArray[np.int64], rng: np.random.Generator
) -> tuple[CaseRows, TargetRows]:
    """Training interactions as targets: each of the history before it, or of its user's only case."""
    cases = _of(read.cases(audit, model, ("train", "user")), held_out)
    if not len(cases):
        return cases, TargetRows(*(np.empty(0, np.int64) for _ in range(3)))
    own = timeline.only((timeline.split == Split.TRAIN) & np.isin(timeline.user, cases.user))
    stride = int(timeline.position.max(initial=0)) + 2
    only_case = cases.kind[0] == "user"
    keys = cases.user * stride + (0 if only_case else cases.history_end)
    wanted = own.user * stride + (0 if only_case else own.position)
    order = np.argsort(keys, kind="stable")
    place = order[np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)]
    known = np.sort(rng.permutation(np.flatnonzero(keys[place] == wanted))[:TARGETS])
    targets = TargetRows(np.arange(len(known)), cases.case_id[place[known]], own.item[known])
    return _with(cases, targets), targets


def _of(rows: CaseRows, users: NDArray[np.int64]) -> CaseRows:
    return _rows(rows, np.flatnonzero(np.isin(rows.user, users)))


def _with(rows: CaseRows, targets: TargetRows) -> CaseRows:
    return _rows(rows, np.flatnonzero(np.isin(rows.case_id, targets.case_id)))


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
