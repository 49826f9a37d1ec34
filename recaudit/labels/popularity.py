"""The guess that looks at nothing but popularity: a control that every name must be seen beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recaudit.labels.material import Material
from recaudit.labels.types import Evidence, IntArray, Label, Task


@dataclass(frozen=True)
class PopularityGuess:
    """Calls a latent popular or unpopular, and active on every entity on that side of the middle.

    An entity's popularity is the mean log of training interactions over its items; the middle lies between
    the medians of the construction entities and of the pool.
    """

    material: Material
    name: str = "popularity"

    def describe(self, evidence: Sequence[Evidence]) -> list[Label | None]:
        middle = float(np.median(self._popularity)) if len(self._popularity) else 0.0
        return [self._one(one, middle) for one in evidence]

    def predict(self, tasks: Sequence[Task]) -> list[IntArray]:
        found = []
        for task in tasks:
            above = self._popularity[task.entities] > task.label.evidence["bound"]
            popular = task.label.text == "popular"
            found.append(np.where(above == popular, 10, 0).astype(np.int64))
        return found

    def _one(self, evidence: Evidence, middle: float) -> Label | None:
        if not len(evidence.construct):
            return None
        own = float(np.median(self._popularity[evidence.construct]))
        return Label("popular" if own > middle else "unpopular", {"bound": (own + middle) / 2})

    @cached_property
    def _popularity(self) -> NDArray[np.float64]:
        material = self.material
        logs = np.log1p(material.items.popularity.astype(np.float64))
        lengths = np.diff(material.history_start)
        rows = np.repeat(np.arange(len(material)), lengths)
        sums = np.bincount(rows, weights=logs[material.history], minlength=len(material))
        return (sums + logs[material.focus]) / (lengths + 1)
