"""A user's list, from stored vectors."""

from __future__ import annotations

import numpy as np

from recaudit.analyses.protocol import PROTOCOLS, Protocol
from recaudit.analyses.scoring import Field, top_lists
from recaudit.datasets.types import Split
from recaudit.errors import UsageError
from recaudit.metrics.lists import EMPTY
from recaudit.models.heads import linked
from recaudit.store import Audit, read, views
from recaudit.store.read import Model
from recaudit.text import printable

_UNMASKED = PROTOCOLS["recbole-seq"]


def recommended(
    audit: Audit,
    model_name: str | None,
    user: str,
    *,
    k: int,
    seen: str | None = "history",
    at: str = "test",
    condition: str | None = None,
) -> list[tuple[str, str | None, float]]:
    """The user's ``k`` best items: raw id, title, score.

    Args:
        seen: what is left out: ``history`` (what the user had before the held-out target), ``train`` (training
            interactions), ``all`` (everything known), or None for nothing.
        at: ``test`` for the case before the held-out target, ``latest`` for everything known.

    Raises:
        UsageError: no such model or user, the user is no case, or the model takes no condition.
    """
    model = read.model_named(audit, model_name)
    case_id = (
        case_of(audit, model, user, at) if condition is None else _conditioned(audit, model, user, condition)
    )
    case = read.case(audit, model, case_id)
    timeline = read.timeline(audit, model.dataset_id, int(case.user[0]))
    if seen == "train":
        timeline = timeline.only(timeline.split == Split.TRAIN)
    protocol = _protocol(seen, at)
    field = Field(
        case,
        timeline,
        read.catalogue(audit, model),
        protocol,
        read.count(audit, "items", model.dataset_id),
    )
    items, scores = top_lists(field, case.vectors, np.array([0]), k)
    raw, titles = read.raw_items(audit, model.dataset_id)
    shown = linked(model.link, scores[0].astype(np.float64) + read.score_offset(audit, model, case_id))
    return [
        (str(raw[item]), titles[item], float(score))
        for item, score in zip(items[0], shown, strict=True)
        if item != EMPTY
    ]


def _conditioned(audit: Audit, model: Model, user: str, condition: str) -> int:
    known = views.conditions(audit, model)
    if not known:
        raise UsageError(
            f"model {printable(model.name)} has no conditioned cases in this audit",
            fix="leave out --condition; a model that takes conditions is ingested with --conditions NAMES",
        )
    if condition not in known:
        raise UsageError(
            f"no condition {printable(condition)}",
            fix=f"choose one of: {', '.join(printable(c, 24) for c in known)}",
        )
    case = views.conditioned_case(audit, model, read.user_index(audit, model, user), condition)
    if case is None:
        raise UsageError(
            f"user {printable(user)} has no case under {printable(condition)}",
            fix="choose another user: where users are many, a sample of them has conditioned cases",
        )
    return case


def _protocol(seen: str | None, at: str) -> Protocol:
    if seen is None:
        return _UNMASKED
    # At the latest case everything known is history; a training filter has already cut the timeline.
    everything = seen in {"all", "train"} or at == "latest"
    return PROTOCOLS["recsae" if everything else "history"]


def case_of(audit: Audit, model: Model, user: str, at: str) -> int:
    """The user's test case, or the newest where there is none.

    Raises:
        UsageError: the user is no case of this model.
    """
    index = read.user_index(audit, model, user)
    newest = views.newest_case(audit, model, index)
    case = newest if at == "latest" else views.test_case(audit, model, index)
    found = newest if case is None else case
    if found is None:
        raise UsageError(
            f"user {printable(user)} is no case of model {printable(model.name)}: the model does not know the user "
            "or has no history of theirs",
            fix="choose another user, or ingest with data in which this one has interactions",
        )
    return found
