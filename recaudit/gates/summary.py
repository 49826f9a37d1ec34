"""What is known of a model, as far as gates are concerned: of a candidate and of a baseline alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.gates.by_user import UserValues, of_model
from recaudit.store import Audit, gates, views
from recaudit.store.read import Model, Sae

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Number:
    """A row of ``metrics``."""

    metric: str
    slice: Mapping[str, Any]
    protocol: str
    value: float
    low: float | None
    high: float | None
    n: int
    unit: str
    better: str

    @property
    def title(self) -> str:
        """Name and slice, as people and outputs call it."""
        parts = ", ".join(f"{key}={value}" for key, value in self.slice.items())
        return f"{self.metric} {{{parts}}}" if parts else self.metric

    @property
    def error(self) -> float | None:
        """Standard error that the 95 % interval stands for; None where there is no interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / (2 * 1.959964)


@dataclass(frozen=True)
class Concept:
    """A concept that was looked for; ``held`` if it was found."""

    source: str
    """``coverage by RULE``, or the variant of a CAV, which begins with ``cav``."""
    kind: str
    name: str
    held: bool
    auc: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Summary:
    """A model as gates see it.

    Attributes:
        name, sha256: of the model and its checkpoint.
        dictionary: the name of the sparse autoencoder looked at, None without one.
        held_out: tells apart what was held out, see ``store.gates.targets_digest``.
        interventions: sha256 of each one kept, by name.
        users: values by user, for pairing.
    """

    name: str
    sha256: str
    protocol: str
    dictionary: str | None
    held_out: str
    numbers: tuple[Number, ...]
    concepts: tuple[Concept, ...]
    interventions: Mapping[str, str]
    users: UserValues


def summarise(audit: Audit, model: Model, sae: Sae | None) -> Summary:
    """Read it from an audit file."""
    numbers = tuple(
        Number(
            row["metric"],
            json.loads(row["slice"]),
            row["protocol"],
            float(row["value"]),
            _or_none(row["low"]),
            _or_none(row["high"]),
            int(row["n"]),
            row["unit"],
            row["better"],
        )
        for row in gates.numbers(audit, model, sae).to_dict("records")
    )
    concepts = tuple(
        Concept(
            row["source"], row["kind"], row["name"], bool(row["held"]), float(row["auc"]),
            _or_none(row["low"]), _or_none(row["high"]),
        )
        for row in gates.covered_concepts(audit, model, sae).to_dict("records")
    )  # fmt: skip
    return Summary(
        model.name,
        model.sha256,
        model.protocol,
        None if sae is None else sae.name,
        gates.targets_digest(audit, model),
        numbers,
        concepts,
        gates.intervention_hashes(audit, model),
        of_model(audit, model, sae),
    )


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
    hashes = gates.user_hashes(audit, model.dataset_id)
    groups = {
        f"{attribute}={value}": np.isin(summary.users.hashes, hashes[rows["user_id"].to_numpy()])
        for (attribute, value), rows in gates.user_groups(audit, model.dataset_id).groupby(
            ["attribute", "value"], sort=True
        )
    }
    return Candidate(
        model,
        sae,
        summary,
        groups,
        tuple(_records(views.findings(audit, model, sae))),
        tuple(_records(views.receipts(audit, model))),
    )


def _records(frame: Any) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _or_none(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
