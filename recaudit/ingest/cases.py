"""The inputs whose vectors an audit looks at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.timeline import Timeline, gathered
from recaudit.datasets.types import DataNote, Split
from recaudit.ingest.binding import NO_ROW, Binding
from recaudit.models.base import Cases, Graph, Recommender

IntArray = NDArray[np.int64]

USER, PROFILE, TEST, VALID, LATEST = "user", "profile", "test", "valid", "latest"
CONDITIONED = "conditioned"
TRAIN = "train"
NO_CONDITION = -1
_CONDITIONED_CELLS = 1 << 27
"""Numbers that conditioned vectors may take (512 MiB of float32)."""
_EVERYTHING = np.iinfo(np.int32).max


@dataclass(frozen=True)
class CaseTable:
    """Cases and their held-out targets, in dense ids of the data.

    ``condition`` numbers the conditions of a conditioned model, -1 for none. ``target_*`` columns list
    held-out interactions; ``target_case`` points into the case columns.
    """

    user: IntArray
    kind: NDArray[np.str_]
    history_end: IntArray
    condition: IntArray
    target_case: IntArray
    target_item: IntArray
    target_split: IntArray
    notes: tuple[DataNote, ...]

    def __len__(self) -> int:
        return len(self.user)

    def only(self, kept: NDArray[np.bool_], why: str) -> CaseTable:
        """The cases where ``kept`` is true and their targets, with a note on the others."""
        if kept.all():
            return self
        place = np.cumsum(kept) - 1
        own = kept[self.target_case]
        return CaseTable(
            user=self.user[kept],
            kind=self.kind[kept],
            history_end=self.history_end[kept],
            condition=self.condition[kept],
            target_case=place[self.target_case[own]],
            target_item=self.target_item[own],
            target_split=self.target_split[own],
            notes=(*self.notes, DataNote("dropped", why, int((~kept).sum()))),
        )


def timeline_of(binding: Binding) -> Timeline:
    """Interactions with items the model knows."""
    rows = binding.dataset.interactions
    timeline = Timeline.sorted(rows.user, rows.item, rows.position, rows.split, rows.rating)
    return timeline.only(binding.item_row[timeline.item] != NO_ROW)


def build_cases(timeline: Timeline, binding: Binding, model: Recommender) -> CaseTable:
    """The cases a model of this kind has.

    - reads ``user``: one case a user, with all held-out interactions as its targets;
    - reads ``set``: a user's profile without the test items, these as targets, and everything known;
    - reads ``sequence``: one case per held-out target, the history before it, and everything known.
    """
    if model.reads == "sequence":
        return _sequence_cases(timeline)
    known = np.ones(len(binding.user_row), bool) if model.n_users is None else binding.user_row != NO_ROW
    if model.reads == "set":
        return _profile_cases(timeline, known)
    return _with_targets(timeline, np.flatnonzero(known), USER, timeline.split != Split.TRAIN)


def _profile_cases(timeline: Timeline, known: NDArray[np.bool_]) -> CaseTable:
    # A profile already holds the validation items: only test items can be its targets.
    with_profile = np.unique(timeline.user[timeline.split != Split.TEST])
    users = with_profile[known[with_profile]]
    profiles = _with_targets(timeline, users, PROFILE, timeline.split == Split.TEST)
    return replace(
        profiles,
        user=np.concatenate([users, users]),
        kind=np.concatenate([profiles.kind, np.full(len(users), LATEST)]),
        history_end=np.concatenate([profiles.history_end, profiles.history_end]),
        condition=np.full(2 * len(users), NO_CONDITION),
    )


def with_conditions(table: CaseTable, model: Recommender, seed: int) -> CaseTable:
    """The table with every profile once more under each of the model's conditions, without targets.

    Conditioned cases are for lists and latent-space analyses. Where all of them would be too many, a seeded
    sample of users has them.
    """
    profiles = np.flatnonzero(table.kind == PROFILE)
    most = max(1, _CONDITIONED_CELLS // (model.n_conditions * model.dim))
    notes = table.notes
    if len(profiles) > most:
        said = "users without conditioned cases: a seeded sample has them"
        notes = (*notes, DataNote("dropped", said, len(profiles) - most))
        profiles = np.sort(np.random.default_rng(seed).choice(profiles, most, replace=False))
    repeated = np.repeat(profiles, model.n_conditions)
    return replace(
        table,
        user=np.concatenate([table.user, table.user[repeated]]),
        kind=np.concatenate([table.kind, np.full(len(repeated), CONDITIONED)]),
        history_end=np.concatenate([table.history_end, table.history_end[repeated]]),
        condition=np.concatenate([table.condition, np.tile(np.arange(model.n_conditions), len(profiles))]),
        notes=notes,
    )


def with_training_cases(table: CaseTable, timeline: Timeline, most: int, seed: int) -> CaseTable:
    """The table of a sequence model with the histories before training interactions: what an SAE learns from.

    Where they and the cases there are would be more than ``most``, a seeded sample stands for them.
    """
    start, _ = timeline.spans(timeline.user, np.zeros(len(timeline.user), dtype=np.int64))
    found = np.flatnonzero((timeline.split == Split.TRAIN) & (np.arange(len(start)) > start))
    room = max(0, most - len(table))
    notes = table.notes
    if len(found) > room:
        said = "training histories whose vectors are not stored: a seeded sample is, for training SAEs"
        notes = (*notes, DataNote("info", said, len(found) - room))
        found = np.sort(np.random.default_rng(seed).choice(found, room, replace=False))
    return replace(
        table,
        user=np.concatenate([table.user, timeline.user[found]]),
        kind=np.concatenate([table.kind, np.full(len(found), TRAIN)]),
        history_end=np.concatenate([table.history_end, timeline.position[found]]),
        condition=np.concatenate([table.condition, np.full(len(found), NO_CONDITION)]),
        notes=notes,
    )


def _with_targets(timeline: Timeline, users: IntArray, kind: str, held_out: NDArray[np.bool_]) -> CaseTable:
    case_of_user = np.full(max(timeline.user.max(initial=0), users.max(initial=0)) + 1, -1, dtype=np.int64)
    case_of_user[users] = np.arange(len(users))
    held_out = held_out & (case_of_user[timeline.user] >= 0)
    start, stop = timeline.spans(users, np.full(len(users), _EVERYTHING))
    end = np.zeros(len(users), dtype=np.int64)
    end[stop > start] = timeline.position[stop[stop > start] - 1] + 1
    return CaseTable(
        user=users,
        kind=np.full(len(users), kind),
        history_end=end,
        condition=np.full(len(users), NO_CONDITION),
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
        condition=np.full(len(held_out) + len(users), NO_CONDITION),
        target_case=np.arange(len(held_out)),
        target_item=timeline.item[held_out],
        target_split=timeline.split[held_out],
        notes=(dropped,) if without_history else (),
    )


def model_inputs(table: CaseTable, timeline: Timeline, binding: Binding, model: Recommender) -> Cases:
    """The cases in the model's own rows, histories cut to the length it reads."""
    users = binding.user_row[table.user]
    if model.reads == "user":
        return Cases(users, np.empty(0, np.int64), np.zeros(len(table) + 1, np.int64))
    start, stop = timeline.spans(table.user, table.history_end)
    if model.history_length is not None:
        start = np.maximum(start, stop - model.history_length)
    rows, case = gathered(start, stop)
    profile = np.isin(table.kind, (PROFILE, CONDITIONED))
    kept = ~profile[case] | (timeline.split[rows] != Split.TEST)
    rows, case = rows[kept], case[kept]
    offsets = np.searchsorted(case, np.arange(len(table) + 1))
    ratings = None if timeline.rating is None else timeline.rating[rows]
    conditions = table.condition if model.n_conditions else None
    return Cases(users, binding.item_row[timeline.item[rows]], offsets, ratings, conditions)


def training_graph(timeline: Timeline, binding: Binding) -> Graph:
    """Training interactions between rows that the model has."""
    user, item = binding.user_row[timeline.user], binding.item_row[timeline.item]
    kept = (timeline.split == Split.TRAIN) & (user != NO_ROW) & (item != NO_ROW)
    return Graph(user[kept], item[kept])
