"""What the audit of bias reads once: items with popularity and concepts, users with profiles and groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.datasets.popularity import Band, popularity_bands
from recaudit.store import Audit, read
from recaudit.store import concepts as concept_store
from recaudit.store import popularity as store
from recaudit.store.read import Model

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LEAST_USERS = 20
"""Users below which a group is no group."""


@dataclass(frozen=True)
class Group:
    """Users [dense user] that share a value of an attribute."""

    attribute: str
    value: str
    users: BoolArray

    @property
    def name(self) -> str:
        """As in slices and contrasts."""
        return f"{self.attribute}={self.value}"


@dataclass(frozen=True)
class Material:
    """See the module.

    Attributes:
        counts: [items] training interactions.
        bands: [items] ``Band``.
        candidates: dense ids of the items the model can recommend.
        concepts: ``concept_id, kind, name``, one row a column of ``has``.
        has: [items, concepts] 1 where an item has it.
        profiles: [users, items] training interactions.
        groups: those of at least ``LEAST_USERS`` users with a profile.
        quarters: users by the quarter of their last interaction; empty where times are unknown.
    """

    model: Model
    counts: IntArray
    bands: NDArray[np.int8]
    candidates: IntArray
    concepts: pd.DataFrame
    has: csr_array
    profiles: csr_array
    groups: tuple[Group, ...]
    quarters: tuple[Group, ...]

    @property
    def lengths(self) -> FloatArray:
        """[users] training interactions."""
        return np.asarray(self.profiles.sum(axis=1), dtype=np.float64)

    def profile_mean(self, value: NDArray[np.number | np.bool_]) -> FloatArray:
        """[users] mean of an item property over the profile; NaN without one."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.profiles @ np.asarray(value, dtype=np.float64)) / self.lengths)

    @property
    def tail(self) -> BoolArray:
        """[items]"""
        return np.asarray(self.bands == Band.TAIL)

    def kind(self, name: str) -> csr_array:
        """[items, concepts of a kind]; the concepts of one item share it evenly."""
        columns = np.flatnonzero((self.concepts["kind"] == name).to_numpy())
        part = csr_array(self.has[:, columns])
        return csr_array(part.multiply(1 / np.maximum(part.sum(axis=1), 1)[:, None]))

    def attributes(self) -> dict[str, list[Group]]:
        """Groups by attribute, of those that have two or more."""
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            found.setdefault(group.attribute, []).append(group)
        return {name: groups for name, groups in found.items() if len(groups) > 1}


def load(audit: Audit, model: Model) -> Material:
    """Everything, for one model."""
    counts = read.train_counts(audit, model.dataset_id)
    n_users = read.count(audit, "users", model.dataset_id)
    concepts, item, concept = concept_store.item_concepts(audit, model.dataset_id)
    column = np.searchsorted(concepts["concept_id"].to_numpy(), concept)
    user, had = store.profiles(audit, model.dataset_id)
    profiles = csr_array((np.ones(len(user)), (user, had)), shape=(n_users, len(counts)))
    profiles.sum_duplicates()
    with_profile = np.asarray(profiles.sum(axis=1)) > 0
    frame = concept_store.user_groups(audit, model.dataset_id)
    quarters = store.last_quarters(audit, model.dataset_id)
    return Material(
        model=model,
        counts=counts,
        bands=popularity_bands(counts),
        candidates=read.catalogue(audit, model).item_id,
        concepts=concepts,
        has=csr_array((np.ones(len(item)), (item, column)), shape=(len(counts), len(concepts))),
        profiles=profiles,
        groups=_groups(frame.rename(columns={"kind": "attribute", "name": "value"}), with_profile),
        quarters=_groups(quarters.assign(attribute="last quarter"), with_profile),
    )


def _groups(frame: pd.DataFrame, with_profile: BoolArray) -> tuple[Group, ...]:
    found = []
    for (attribute, value), rows in frame.groupby(["attribute", "value"], sort=True):
        users = np.zeros(len(with_profile), dtype=bool)
        users[rows["user_id"].to_numpy()] = True
        users &= with_profile
        if users.sum() >= LEAST_USERS:
            found.append(Group(str(attribute), str(value), users))
    return tuple(found)
