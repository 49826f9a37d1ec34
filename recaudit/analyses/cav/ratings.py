"""Ratings to hold sensitivities against: those of the audit, or of a data set the model was made from.

A recommender is often trained on positives alone, and its data then holds no ratings; they are in the data
set it came from, under the same ids.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav.alignment import Profiles
from recaudit.datasets import read_dataset
from recaudit.errors import InputRefused
from recaudit.store import Audit, read
from recaudit.store import cav as store
from recaudit.store.read import Model
from recaudit.text import printable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
_LEAST_SHARE_KNOWN = 0.5


@dataclass(frozen=True)
class Ratings:
    """[ratings] in dense ids; ``train`` where the item is in the user's training history."""

    user: IntArray
    item: IntArray
    rating: FloatArray
    train: NDArray[np.bool_]

    def held_out(self) -> Ratings:
        """Those the model was not trained on."""
        return Ratings(
            self.user[~self.train], self.item[~self.train], self.rating[~self.train], self.train[~self.train]
        )


def of_audit(audit: Audit, model: Model) -> Ratings:
    """Ratings of the data as ingested; empty where it has none."""
    found = store.rated_interactions(audit, model.dataset_id)
    return Ratings(
        found["user"].astype(np.int64),
        found["item"].astype(np.int64),
        found["rating"].astype(np.float64),
        found["train"].astype(bool),
    )


def of_file(audit: Audit, model: Model, path: Path) -> Ratings:
    """Ratings of another data set, matched by raw id; users and items that the audit does not know are left out.

    Raises:
        InputRefused: no ratings in it, or most of its rows are of unknown users or items.
    """
    dataset = read_dataset(path)
    rows = dataset.interactions
    if rows.rating is None:
        raise InputRefused(
            f"{printable(path)}: has no ratings", fix="name a data set with ratings, or leave out --ratings"
        )
    user, item = (
        _matched(frame["raw_id"].tolist(), store.raw_ids(audit, model.dataset_id, kind))
        for kind, frame in (("users", dataset.users), ("items", dataset.items))
    )
    user, item = user[rows.user], item[rows.item]
    known = (user >= 0) & (item >= 0) & ~np.isnan(rows.rating)
    if known.mean() < _LEAST_SHARE_KNOWN:
        raise InputRefused(
            f"{printable(path)}: {1 - known.mean():.0%} of its ratings are of users or items the audit does not know",
            fix="ingest the model with original ids (--ids FILE), so that both name them alike",
        )
    user, item, rating = user[known], item[known], rows.rating[known].astype(np.float64)
    return Ratings(user, item, rating, _in_training(audit, model, user, item))


def profiles(audit: Audit, model: Model, n_users: int) -> tuple[Profiles, IntArray, IntArray]:
    """Training histories, and their pairs of user and item."""
    user, item = store.training_pairs(audit, model.dataset_id)
    counts = read.train_counts(audit, model.dataset_id)
    activity = np.bincount(user, minlength=n_users)
    popularity = np.bincount(user, weights=np.log1p(counts[item]), minlength=n_users)
    return Profiles(activity, popularity / np.maximum(activity, 1)), user, item


def _matched(raw: list[str], known: dict[str, int]) -> IntArray:
    return np.array([known.get(name, -1) for name in raw], dtype=np.int64)


def _in_training(audit: Audit, model: Model, user: IntArray, item: IntArray) -> NDArray[np.bool_]:
    train_user, train_item = store.training_pairs(audit, model.dataset_id)
    width = int(max(item.max(initial=0), train_item.max(initial=0))) + 1
    return np.isin(user * width + item, train_user * width + train_item)
