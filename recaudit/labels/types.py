"""What naming is about: evidence on a latent, a label, a question to a judge; and who answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

NO_ANSWER = -1
"""In place of a predicted level: the judge gave none."""

ACTIVE_ABOVE = 5
"""A predicted level above this says that the latent is active (RecSAE)."""


@dataclass(frozen=True)
class Evidence:
    """The entities a latent is named and verified on, as places in the material.

    No owner of a verification or control entity owns a construction entity, unless the published procedure
    was asked for.
    """

    latent: int
    n_owners: int
    """Distinct users (items) on which the latent is active."""
    construct: IntArray
    """Strong entities that the name is made from, strongest first."""
    construct_levels: IntArray
    """What a labeller is told of them, 1..10."""
    verify: IntArray
    """Strong entities held out."""
    random: IntArray
    """Entities on which it is not active."""
    hard: IntArray
    """Likewise, but they stand out in ``contrast`` as the latent's own do."""
    contrast: str | None = None
    """The genre of the hard controls; None where nothing is known of genres."""
    refused: str | None = None
    """Why there is nothing to name: ``insufficient evidence``, ``weak``."""

    @property
    def trials(self) -> IntArray:
        """Entities to be judged: verification, random, hard."""
        return np.concatenate([self.verify, self.random, self.hard])


@dataclass(frozen=True)
class Label:
    """A name for a latent."""

    text: str
    evidence: dict[str, Any] = field(default_factory=dict)
    """What it rests on, for people and for the judge of the same kind."""
    terms: frozenset[str] = frozenset()
    """What it says, piece by piece, where it has pieces; names that share one are no controls of each other."""

    def related(self, other: Label) -> bool:
        """Whether both say the same, or share a term."""
        return self.text == other.text or not self.terms.isdisjoint(other.terms)


@dataclass(frozen=True)
class Task:
    """A label, and entities to predict the latent's level on."""

    label: Label
    entities: IntArray


class Labeller(Protocol):
    """Names latents and, knowing only a name, predicts where its latent is active."""

    @property
    def name(self) -> str:
        """``statistics``, ``ollama:MODEL``, …"""
        ...

    def describe(self, evidence: Sequence[Evidence]) -> list[Label | None]:
        """A label for each latent of one dictionary, or None where nothing can be said."""
        ...

    def predict(self, tasks: Sequence[Task]) -> list[IntArray]:
        """For each task the level 0..10 on each of its entities, or ``NO_ANSWER``."""
        ...
