"""What reading data gives: users, items, interactions, concepts and groups, all densely indexed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import pandas as pd

NO_POSITION = -1


class Split(IntEnum):
    """Where an interaction belongs. Stored by name in the audit file."""

    TRAIN = 0
    VALID = 1
    TEST = 2


@dataclass(frozen=True)
class DataNote:
    """Something a reader understood, dropped or doubts, for people.

    ``level`` is ``info`` (what was understood), ``dropped`` or ``warning``.
    """

    level: str
    message: str
    count: int = 0
    file: str = ""
    line: int | None = None
    """First line concerned, counted from 1."""


@dataclass(frozen=True)
class SourceFile:
    """One file that was read."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Interactions:
    """Columns of equal length, rows in file order.

    Attributes:
        user: dense user index, int32.
        item: dense item index, int32.
        rating: float32, NaN where missing; None when the data has no ratings.
        timestamp: int64 seconds, ``np.iinfo(int64).min`` where missing; None when there are none.
        position: int32 place of the row in its user's own time order, 0 = oldest. Ties keep file
            order. Rows whose time is unknown while others of the data have one come first and are
            never held out by a split made here.
        split: int8 of ``Split``.
    """

    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray | None
    timestamp: np.ndarray | None
    position: np.ndarray
    split: np.ndarray

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Dataset:
    """Data as ingested: raw ids kept as text, dense indexes beside them.

    Attributes:
        users: one row per dense user index; column ``raw_id`` (text), then attributes.
        items: one row per dense item index; ``raw_id`` (text), ``title`` (text or None), ``year``
            (nullable integer).
        concepts: ``concept`` (dense id), ``kind`` (genre, tag, decade, popularity, …), ``name``,
            ``n_items``.
        item_concepts: pairs ``item``, ``concept`` (dense).
        user_groups: ``user`` (dense), ``attribute``, ``value`` (text).
        split: name and parameters of the split, e.g. ``{"name": "leave_one_out"}``.
    """

    name: str
    layout: str
    users: pd.DataFrame
    items: pd.DataFrame
    interactions: Interactions
    concepts: pd.DataFrame
    item_concepts: pd.DataFrame
    user_groups: pd.DataFrame
    split: dict[str, Any]
    notes: tuple[DataNote, ...]
    sources: tuple[SourceFile, ...]
