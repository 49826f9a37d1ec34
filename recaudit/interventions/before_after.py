"""A user's list before and after an intervention."""

from __future__ import annotations

import numpy as np

from recaudit.errors import UsageError
from recaudit.interventions.edits import Intervention
from recaudit.interventions.steering import Steering
from recaudit.metrics.lists import EMPTY
from recaudit.store import Audit, read
from recaudit.store.read import Model, Sae
from recaudit.text import printable

Row = tuple[int, str, str]
"""Rank, title before, title after."""


def lists_of(
    audit: Audit,
    model: Model,
    sae: Sae | None,
    intervention: Intervention,
    user: str,
    *,
    protocol: str | None = None,
    seed: int = 0,
) -> list[Row]:
    """The first ten places of a user's newest case.

    Args:
        intervention: with resolved latents.
        user: raw id.

    Raises:
        UsageError: no such user, or the user has no list.
    """
    index = read.user_index(audit, model, user)
    directions = [edit.direction for edit in intervention.edits if edit.direction]
    steering = Steering.of_audit(audit, model, sae, directions=directions, protocol=protocol, seed=seed)
    place = np.flatnonzero(steering.bench.inputs.listed_users == index)
    if not len(place):
        raise UsageError(
            f"user {printable(user)} has no list of {printable(model.name)}", fix="choose another user"
        )
    raw, titles = read.raw_items(audit, model.dataset_id)

    def shown(item: int) -> str:
        return "" if item == EMPTY else str(titles[item] or raw[item])

    before = steering.bench.unedited.items[place[0]]
    after = steering.outcome(intervention).items[place[0]]
    return [(n, shown(a), shown(b)) for n, (a, b) in enumerate(zip(before, after, strict=True), start=1)]
