"""The two models of a diff."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.protocol import protocol_named
from recaudit.store import Audit, concepts, read
from recaudit.store import diff as store
from recaudit.store.read import Model, Sae

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """One of them, with the audit file that it is read from."""

    audit: Audit
    model: Model
    """Under the protocol that both are compared under."""
    sae: Sae | None


def side(audit: Audit, name: str | None, sae: str | None, protocol: str | None) -> Side:
    """A model by name with a dictionary of its, by name or the newest.

    Args:
        protocol: evaluation protocol to look at it under; None for its own.

    Raises:
        UsageError: no such model, dictionary or protocol; lists those there are.
        NoVerdictError: the audit holds no model.
    """
    model = read.model_named(audit, name)
    if protocol is not None:
        model = replace(model, protocol=protocol_named(protocol).name)
    return Side(audit, model, read.find_sae(audit, model, sae))


@dataclass(frozen=True)
class Shared:
    """Entities that both sides know.

    Attributes:
        kind: ``case`` (the newest of a user) or ``item``.
        a, b: [shared] case id, or dense item, on either side; in one order.
        of_a, of_b: how many each side has.
    """

    kind: str
    a: IntArray
    b: IntArray
    of_a: int
    of_b: int

    def __len__(self) -> int:
        return len(self.a)

    def drawn(self, most: int, seed: int) -> Shared:
        """At most so many of them, at random."""
        if len(self) <= most:
            return self
        rows = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False))
        return replace(self, a=self.a[rows], b=self.b[rows])

    @property
    def about(self) -> str:
        """``6,040 users (of 6,040 and 5,988)``."""
        unit = "users" if self.kind == "case" else "items"
        return f"{len(self):,} {unit} known to both (of {self.of_a:,} and {self.of_b:,})"


LOOKED_AT = 200
"""Users by whose histories it is told whether ids mean the same people."""


def same_people(a: Side, b: Side, seed: int) -> float | None:
    """Median share of items in common (Jaccard) of users with the same id in two data sets: are these the same people?

    Two unrelated data sets both count their users from 1. None within one data set, or where no id is shared.
    """
    if a.audit is b.audit and a.model.dataset_id == b.model.dataset_id:
        return None
    known_a, known_b = (store.user_hashes(one.audit, one.model.dataset_id) for one in (a, b))
    ids = np.intersect1d(known_a, known_b)
    if not len(ids):
        return None
    some = np.random.default_rng(seed).choice(ids, min(LOOKED_AT, len(ids)), replace=False)
    of_a, of_b = (store.histories(one.audit, one.model.dataset_id, some) for one in (a, b))
    shares = [
        len(of_a[user] & of_b[user]) / len(of_a[user] | of_b[user]) for user in of_a.keys() & of_b.keys()
    ]
    return float(np.median(shares)) if shares else None


def shared_users(a: Side, b: Side) -> Shared:
    """Users with a newest case on both sides, told by raw id."""
    sides = []
    for one in (a, b):
        cases = concepts.newest_cases(one.audit, one.model)
        hashes = store.user_hashes(one.audit, one.model.dataset_id)[cases["user_id"].to_numpy()]
        sides.append((hashes, cases["case_id"].to_numpy(np.int64)))
    return _shared("case", *sides)


def shared_items(a: Side, b: Side) -> Shared:
    """Items that both models can recommend, told by raw id."""
    sides = []
    for one in (a, b):
        items = store.candidate_items(one.audit, one.model)
        sides.append((items["hash"].to_numpy(np.uint64), items["item_id"].to_numpy(np.int64)))
    return _shared("item", *sides)


def _shared(
    kind: str, a: tuple[NDArray[np.uint64], IntArray], b: tuple[NDArray[np.uint64], IntArray]
) -> Shared:
    _, rows_a, rows_b = np.intersect1d(a[0], b[0], return_indices=True)
    return Shared(kind, a[1][rows_a], b[1][rows_b], len(a[1]), len(b[1]))
