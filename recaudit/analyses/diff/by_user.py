"""Values by user, from ranks and lists that an audit file stores: what pairs two models without running either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.popularity import Band, popularity_bands
from recaudit.metrics import ranking
from recaudit.store import Audit, diff, read
from recaudit.store.read import Model, Sae

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ORIGINAL, RECONSTRUCTED = "original", "reconstructed"
LIST_LENGTH = 10
GRID = 2.0**-16
"""Values are kept as multiples of it, whether they come from an audit file or a baseline file: the same model gives
the same numbers either way, to the last digit, and a column takes a few bytes a user."""


@dataclass(frozen=True)
class UserValues:
    """Sums by user, in order of hash.

    Attributes:
        hashes: [users] see ``store.diff.user_hashes``.
        columns: [users] each: ``RANKING/ndcg@10``, ``RANKING/targets``, ``RANKING/places``, …
    """

    hashes: NDArray[np.uint64]
    columns: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.hashes)

    def taken(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> UserValues:
        """Some of the users."""
        return UserValues(self.hashes[rows], {name: column[rows] for name, column in self.columns.items()})


def of_model(audit: Audit, model: Model, sae: Sae | None) -> UserValues:
    """Every user that has a held-out target or a list."""
    hashes = diff.user_hashes(audit, model.dataset_id)
    counts = read.train_counts(audit, model.dataset_id)
    columns: dict[str, FloatArray] = {}
    lists = {}
    for name, dictionary in ((ORIGINAL, None), (RECONSTRUCTED, sae)):
        if name == RECONSTRUCTED and sae is None:
            continue
        columns |= of_ranks(name, *diff.target_ranks(audit, model, dictionary), len(hashes))
        lists[name] = diff.list_places(audit, model, dictionary)
        columns |= of_lists(name, *lists[name], counts, len(hashes))
    if len(lists) == 2:
        columns["overlap@10"] = _overlap(lists[ORIGINAL], lists[RECONSTRUCTED], len(hashes), len(counts))
    present = np.zeros(len(hashes), dtype=bool)
    for name, column in columns.items():
        if name.endswith(("/targets", "/places")):
            present |= column > 0
    order = np.argsort(hashes, kind="stable")
    order = order[present[order]]
    return UserValues(
        hashes[order], {name: np.round(column[order] / GRID) * GRID for name, column in columns.items()}
    )


def of_ranks(name: str, users: IntArray, ranks: IntArray, n_users: int) -> dict[str, FloatArray]:
    """Columns that follow from the ranks of held-out targets: [users], not rounded."""
    if not len(users):
        return {}

    def summed(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(users, values, n_users), dtype=np.float64)

    found = {"targets": summed(np.ones(len(users))), "mrr": summed(ranking.reciprocal(ranks))}
    for k in ranking.CUTOFFS:
        found[f"hr@{k}"] = summed(ranking.hit(ranks, k))
        found[f"ndcg@{k}"] = summed(ranking.ndcg(ranks, k))
    return {f"{name}/{key}": column for key, column in found.items()}


def of_lists(
    name: str, users: IntArray, items: IntArray, counts: IntArray, n_users: int
) -> dict[str, FloatArray]:
    """Columns that follow from lists of ``LIST_LENGTH``; ``counts`` is [items], training interactions."""
    if not len(users):
        return {}
    tail = popularity_bands(counts) == Band.TAIL
    places = np.bincount(users, minlength=n_users).astype(np.float64)

    def mean(values: FloatArray) -> FloatArray:
        total = np.bincount(users, values, n_users)
        return np.divide(total, places, out=np.zeros(n_users), where=places > 0)

    return {
        f"{name}/places": places,
        f"{name}/lists": (places > 0).astype(np.float64),
        f"{name}/arp@10": mean(counts[items].astype(np.float64)),
        f"{name}/tail@10": mean(tail[items].astype(np.float64)),
    }


def _overlap(
    first: tuple[IntArray, IntArray], second: tuple[IntArray, IntArray], n_users: int, n_items: int
) -> FloatArray:
    """Share of the first list's places that the second has too."""
    common = np.intersect1d(first[0] * n_items + first[1], second[0] * n_items + second[1])
    return np.bincount(common // n_items, minlength=n_users) / LIST_LENGTH
