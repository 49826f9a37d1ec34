"""A model on the bench: everything that ranking edited vectors needs, held ready.

What an edit leaves as it was keeps its list and its ranks, so the cost of an intervention is the cost of the rows it
reaches. Lists are the first ``LIST_LENGTH`` places of the newest case of every user; ranks are of held-out test items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.inputs import LIST_LENGTH, Inputs, load
from recaudit.analyses.protocol import protocol_named
from recaudit.analyses.scoring import Field, ranked
from recaudit.store import Audit, read
from recaudit.store.read import Catalogue, Model, TargetRows

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """What a model recommends, and where it puts what was held out.

    Attributes:
        items: [listed, LIST_LENGTH] dense items, best first, ``lists.EMPTY`` past the end.
        ranks: [targets] 1 = best.
    """

    items: IntArray
    ranks: IntArray


@dataclass(frozen=True)
class Bench:
    """A model's cases, catalogue and what was held out; see ``prepared``."""

    inputs: Inputs
    counts: IntArray
    """[items] training interactions."""

    @property
    def field(self) -> Field:
        return self.inputs.field

    @property
    def x(self) -> FloatArray:
        """[cases, dim]."""
        return self.field.cases.vectors

    @property
    def newest(self) -> IntArray:
        """Places of the newest case of every user that gets a list."""
        return self.inputs.listed

    @cached_property
    def unedited(self) -> Outcome:
        """Of the model as it is."""
        return _ranked(self.inputs, self.x, self.newest, np.arange(len(self.inputs.targets.target_id)))

    def outcome(self, x: FloatArray | None = None, catalogue: Catalogue | None = None) -> Outcome:
        """Of edited vectors [cases, dim], an edited catalogue, or both."""
        if catalogue is not None:
            inputs = replace(self.inputs, field=replace(self.field, catalogue=catalogue))
            everyone = np.arange(len(self.inputs.targets.target_id))
            return _ranked(inputs, self.x if x is None else x, self.newest, everyone)
        if x is None:
            return self.unedited
        moved = (x != self.x).any(axis=1)
        places = np.flatnonzero(moved[self.newest])
        rows = np.flatnonzero(moved[self._case_of_target])
        part = _ranked(self.inputs, x, self.newest[places], rows)
        items, ranks = self.unedited.items.copy(), self.unedited.ranks.copy()
        items[places], ranks[rows] = part.items, part.ranks
        return Outcome(items, ranks)

    @cached_property
    def _case_of_target(self) -> IntArray:
        return np.searchsorted(self.field.cases.case_id, self.inputs.targets.case_id)


def prepared(audit: Audit, model: Model, *, protocol: str | None = None, seed: int = 0) -> Bench:
    """Everything read once from an audit file.

    Args:
        protocol: None for the model's own.
        seed: draws the users that get lists, where there are more than ``inputs.LIST_CASES``.
    """
    inputs = load(audit, model, protocol_named(protocol or model.protocol), seed)
    return Bench(inputs, read.train_counts(audit, model.dataset_id))


def _ranked(inputs: Inputs, x: FloatArray, listed: IntArray, targets: IntArray) -> Outcome:
    held_out = inputs.targets
    chosen = TargetRows(held_out.target_id[targets], held_out.case_id[targets], held_out.item[targets])
    items, _, ranks = ranked(inputs.field, x, listed, LIST_LENGTH, chosen)
    return Outcome(items, ranks)
