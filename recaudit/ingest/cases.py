"""The inputs whose vectors an audit looks at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.timeline import Timeline, gathered
from recaudit.datasets.types import DataNote, Split
from recaudit.ingest.binding import NO_ROW, Binding
from recaudit.models.base import Cases, Recommender

IntArray = NDArray[np.int64]

USER, TEST, VALID, LATEST = "user", "test", "valid", "latest"


@dataclass(frozen=True)
class CaseTable:
    """Cases and their held-out targets, in dense ids of the data.

    ``target_*`` columns list held-out interactions; ``target_case`` points into the case columns.
    """

    user: IntArray
    kind: NDArray[np.str_]
    history_end: IntArray
    target_case: IntArray
    target_item: IntArray
    target_split: IntArray
    notes: tuple[DataNote, ...]

    def __len__(self) -> int:
        return len(self.user)


def timeline_of(binding: Binding) -> Timeline:
    """Interactions with items the model knows."""
    rows = binding.dataset.interactions
    timeline = Timeline.sorted(rows.user, rows.item, rows.position, rows.split)
    return timeline.only(binding.item_row[timeline.item] != NO_ROW)


def build_cases(timeline: Timeline, binding: Binding, model: Recommender) -> CaseTable:
    """One case a user for user-level models; else one per held-out target and one for everything known."""
    if model.history_length is None:
        return _user_cases(timeline, binding)
    return _sequence_cases(timeline)


def _user_cases(timeline: Timeline, binding: Binding) -> CaseTable:
    users = np.flatnonzero(binding.user_row != NO_ROW)
    case_of_user = np.full(len(binding.user_row), -1, dtype=np.int64)
    case_of_user[users] = np.arange(len(users))
    held_out = (timeline.split != Split.TRAIN) & (case_of_user[timeline.user] >= 0)
    _, stop = timeline.spans(users, np.full(len(users), np.iinfo(np.int32).max))
    start = np.searchsorted(timeline.user, users)
    last = (
        np.where(stop > start, timeline.position[np.maximum(stop - 1, 0)] + 1, 0)
        if len(timeline.user)
        else start
    )
    return CaseTable(
        user=users,
        kind=np.full(len(users), USER),
        history_end=last,
        target_case=case_of_user[timeline.user[held_out]],
        target_item=timeline.item[held_out],
        target_split=timeline.split[held_out],
        notes=(),
    )


def _sequence_cases(timeline: Timeline) -> CaseTable:
    held_out = np.flatnonzero(timeline.split != Split.TRAIN)
    start, stop = timeline.spans(timeline.user[held_out], timeline.position[held_out])
    without_history = int((stop == start).sum())
    held_out = held_out[stop > start]
    users, first = np.unique(timeline.user, return_index=True)
    last = np.append(first[1:], len(timeline.user)) - 1 if len(users) else first
    kinds = np.where(timeline.split[held_out] == Split.TEST, TEST, VALID)
    dropped = DataNote("dropped", "held-out interactions with no history before them", without_history)
    return CaseTable(
        user=np.concatenate([timeline.user[held_out], users]),
        kind=np.concatenate([kinds, np.full(len(users), LATEST)]),
        history_end=np.concatenate([timeline.position[held_out], timeline.position[last] + 1]),
        target_case=np.arange(len(held_out)),
        target_item=timeline.item[held_out],
        target_split=timeline.split[held_out],
        notes=(dropped,) if without_history else (),
    )


def model_inputs(table: CaseTable, timeline: Timeline, binding: Binding, model: Recommender) -> Cases:
    """The cases in the model's own rows, histories cut to the length it reads."""
    users = binding.user_row[table.user]
    if model.history_length is None:
        return Cases(users, np.empty(0, np.int64), np.zeros(len(table) + 1, np.int64))
    start, stop = timeline.spans(table.user, table.history_end)
    start = np.maximum(start, stop - model.history_length)
    rows, _ = gathered(start, stop)
    offsets = np.concatenate([[0], np.cumsum(stop - start)])
    return Cases(users, binding.item_row[timeline.item[rows]], offsets)
