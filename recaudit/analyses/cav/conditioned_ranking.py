"""Does naming a condition work? Lists under each condition against held-out items that have its concept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.protocol import PROTOCOLS
from recaudit.analyses.scoring import Field, top_lists
from recaudit.datasets.types import Split
from recaudit.metrics import intervals
from recaudit.store import Audit, read
from recaudit.store.read import CaseRows, Catalogue, Model

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

DEPTH = 100


@dataclass(frozen=True)
class Ranked:
    """NDCG@100 under a condition over users with a held-out item that has its concept.

    ``hit_share`` is the share of the list that has the concept, ``hit_share_none`` the same of the same users'
    lists without a condition.
    """

    ndcg: intervals.Estimate
    ndcg_within: float
    hit_share: float
    hit_share_none: float


@dataclass(frozen=True)
class Ranking:
    """What lists under conditions are made from."""

    field: Field
    profile_of: dict[int, int]
    """User to place of the profile among the cases."""
    conditioned_of: dict[tuple[int, int], int]
    """User and condition to place."""
    targets: dict[int, IntArray]
    """User to held-out test items."""


def ranking(audit: Audit, model: Model, cases: CaseRows, condition: IntArray) -> Ranking:
    """Load it. ``condition`` is parallel to ``cases``, -1 for none."""
    field = Field(
        cases,
        read.timeline(audit, model.dataset_id),
        read.catalogue(audit, model),
        PROTOCOLS["history"],
        read.count(audit, "items", model.dataset_id),
    )
    profile_of = {int(cases.user[place]): int(place) for place in np.flatnonzero(condition < 0)}
    conditioned_of = {
        (int(cases.user[place]), int(condition[place])): int(place)
        for place in np.flatnonzero(condition >= 0)
    }
    held_out = read.targets(audit, model, Split.TEST)
    user_of = dict(zip(cases.case_id.tolist(), cases.user.tolist(), strict=True))
    targets: dict[int, list[int]] = {}
    for case, item in zip(held_out.case_id.tolist(), held_out.item.tolist(), strict=True):
        if case in user_of:
            targets.setdefault(user_of[case], []).append(item)
    return Ranking(
        field, profile_of, conditioned_of, {user: np.array(items) for user, items in targets.items()}
    )


def ranked(data: Ranking, condition: int, has: BoolArray, seed: int) -> Ranked | None:
    """The figures of one condition, or None where no user has a target with its concept.

    Args:
        has: [dense items] which have the concept.
    """
    users = [
        user
        for user, items in data.targets.items()
        if has[items].any() and (user, condition) in data.conditioned_of
    ]
    if not users:
        return None
    chosen = np.array([data.conditioned_of[user, condition] for user in users])
    plain = np.array([data.profile_of[user] for user in users])
    wanted = [data.targets[user][has[data.targets[user]]] for user in users]
    vectors = data.field.cases.vectors
    lists, _ = top_lists(data.field, vectors, chosen, DEPTH)
    unconditioned, _ = top_lists(data.field, vectors, plain, DEPTH)
    own = _restricted(data.field, has)
    within, _ = top_lists(own, vectors, chosen, DEPTH)
    gained = ndcg(lists, wanted)
    rows = np.column_stack([gained, np.ones(len(gained))])
    (estimate,) = intervals.estimate(rows, intervals.means, seed=seed)
    return Ranked(
        estimate, float(ndcg(within, wanted).mean()), _share(lists, has), _share(unconditioned, has)
    )


def ndcg(lists: IntArray, wanted: list[IntArray]) -> FloatArray:
    """NDCG of each list [users, depth] with its wanted items, binary gains; the ideal list holds as many as fit."""
    discount = 1 / np.log2(np.arange(lists.shape[1]) + 2)
    ideal = np.cumsum(discount)
    found = np.empty(len(lists))
    for row, items in enumerate(wanted):
        hits = np.isin(lists[row], items)
        found[row] = (hits @ discount) / ideal[min(len(np.unique(items)), len(ideal)) - 1]
    return found


def _restricted(field: Field, has: BoolArray) -> Field:
    catalogue = field.catalogue
    rows = np.flatnonzero(has[catalogue.item_id])
    own = Catalogue(
        catalogue.item_id[rows],
        catalogue.head,
        catalogue.vectors[rows],
        None if catalogue.bias is None else catalogue.bias[rows],
        catalogue.tensors,
    )
    return Field(field.cases, field.timeline, own, field.protocol, field.n_items)


def _share(lists: IntArray, has: BoolArray) -> float:
    real = lists >= 0
    return float(has[np.where(real, lists, 0)][real].mean()) if real.any() else float("nan")
