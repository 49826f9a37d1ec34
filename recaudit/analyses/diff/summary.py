"""What is known of a model, as far as a comparison is concerned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.diff.by_user import UserValues, of_model
from recaudit.store import Audit
from recaudit.store import diff as store
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
    """A model as a comparison sees it.

    Attributes:
        name, sha256: of the model and its checkpoint.
        dictionary: the name of the sparse autoencoder looked at, None without one.
        held_out: tells apart what was held out, see ``store.diff.targets_digest``.
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
        for row in store.numbers(audit, model, sae).to_dict("records")
    )
    concepts = tuple(
        Concept(
            row["source"], row["kind"], row["name"], bool(row["held"]), float(row["auc"]),
            _or_none(row["low"]), _or_none(row["high"]),
        )
        for row in store.covered_concepts(audit, model, sae).to_dict("records")
    )  # fmt: skip
    return Summary(
        model.name,
        model.sha256,
        model.protocol,
        None if sae is None else sae.name,
        store.targets_digest(audit, model),
        numbers,
        concepts,
        store.intervention_hashes(audit, model),
        of_model(audit, model, sae),
    )


def groups_of(audit: Audit, model: Model, users: UserValues) -> dict[str, BoolArray]:
    """[users] members of each user group, by ``attribute=value``."""
    hashes = store.user_hashes(audit, model.dataset_id)
    return {
        f"{attribute}={value}": np.isin(users.hashes, hashes[rows["user_id"].to_numpy()])
        for (attribute, value), rows in store.user_groups(audit, model.dataset_id).groupby(
            ["attribute", "value"], sort=True
        )
    }


def _or_none(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
