"""The model that a gate judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.diff.summary import Summary, groups_of, summarise
from recaudit.store import Audit, views
from recaudit.store.read import Model, Sae

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Candidate:
    """The model that is judged, with what only its own audit file knows.

    Attributes:
        groups: [hashed users of ``summary.users``] members of each user group, by ``attribute=value``.
        findings: ``severity, code, sentence, evidence``.
        receipts: ``role, file, format, sha256, verdict, stubs, notes``.
    """

    model: Model
    sae: Sae | None
    summary: Summary
    groups: Mapping[str, BoolArray]
    findings: tuple[Mapping[str, Any], ...]
    receipts: tuple[Mapping[str, Any], ...]


def candidate(audit: Audit, model: Model, sae: Sae | None) -> Candidate:
    """Read it from an audit file."""
    summary = summarise(audit, model, sae)
    return Candidate(
        model,
        sae,
        summary,
        groups_of(audit, model, summary.users),
        tuple(_records(views.findings(audit, model, sae))),
        tuple(_records(views.receipts(audit, model))),
    )


def _records(frame: Any) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
