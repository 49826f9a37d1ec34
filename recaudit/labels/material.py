"""What a dictionary's latents are named from: its cases with what each shows, or items themselves.

A case shows part of its history and the model's first recommendation for it, its *focus*. An item shows
itself. Entities of one owner (a user) are never split between building a name and verifying it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from recaudit.analyses.concepts import inputs
from recaudit.analyses.protocol import protocol_named
from recaudit.analyses.scoring import Field, top_lists
from recaudit.datasets.types import Split
from recaudit.metrics.lists import EMPTY
from recaudit.store import Audit, concepts, read
from recaudit.store.read import CaseRows, Catalogue, Model, Sae

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HISTORY_SHOWN = 9
"""Items of history beside the focus, as RecSAE shows them."""

POOL = 10_000
"""Cases looked at, at most: a seeded sample of users beyond that."""

TEST_KINDS = ("user", "profile", "test")


@dataclass(frozen=True)
class Items:
    """The catalogue's texts and concepts, by dense item."""

    titles: list[str]
    """The raw id where there is no title."""
    concepts: list[tuple[str, str]]
    """(kind, name) of each column."""
    has: csr_array
    """[items, concepts] binary."""
    popularity: IntArray
    """[items] interactions in the training split."""


@dataclass(frozen=True)
class Material:
    """Entities in order of id; arrays are parallel to ``ids``."""

    kind: str
    """``case`` or ``item``."""
    ids: IntArray
    owner: IntArray
    """User of a case; the item itself."""
    focus: IntArray
    """Dense item that the model recommends first; the item itself."""
    history_start: IntArray
    """[entities + 1] bounds of each entity's part of ``history``."""
    history: IntArray
    """Dense items shown before the focus, oldest first."""
    vectors: NDArray[np.float32]
    """[entities, dim] what the dictionary reads."""
    items: Items
    catalogue: Catalogue

    def __len__(self) -> int:
        return len(self.ids)

    def history_of(self, entity: int) -> IntArray:
        """Dense items shown before the focus."""
        return self.history[self.history_start[entity] : self.history_start[entity + 1]]

    def codes(self, audit: Audit, model: Model, sae: Sae) -> csc_array:
        """Codes of the entities: [entities, latents].

        Of a control they are computed here, since the audit holds them for a sample only.
        """
        if sae.role == "sae":
            return inputs.codes(audit, sae, self.kind, self.ids)
        from recaudit.sae.autoencoder import (
            SparseAutoencoder,
        )  # torch, which names from stored codes need not load

        encoded = SparseAutoencoder(read.sae_spec(audit, model, sae)).encode(self.vectors)
        return encoded.matrix().astype(np.float64).tocsc()


def load(audit: Audit, model: Model, sae: Sae, *, seed: int, published: bool = False) -> Material:
    """Entities of a dictionary: items where it encodes any, else one case a user.

    Args:
        seed: of the sample of users, and of the part of a history shown where it has no order.
        published: test rows, several a user for sequence models, as RecSAE takes them.
    """
    catalogue = read.catalogue(audit, model)
    items = _items(audit, model)
    if "item" in sae.entity_kinds:
        return _of_items(catalogue, items)
    cases = read.cases(audit, model, TEST_KINDS if published else read.NEWEST_KINDS)
    if not len(cases):
        cases = read.cases(audit, model, read.NEWEST_KINDS)
    return _of_cases(audit, model, _sampled(cases, seed), catalogue, items, seed)


def _items(audit: Audit, model: Model) -> Items:
    raw, titles = read.raw_items(audit, model.dataset_id)
    frame, item, concept = concepts.item_concepts(audit, model.dataset_id)
    column = np.searchsorted(frame["concept_id"].to_numpy(np.int64), concept)
    has = csr_array((np.ones(len(item)), (item, column)), shape=(len(raw), len(frame)))
    named = list(zip(frame["kind"].astype(str), frame["name"].astype(str), strict=True))
    shown = [str(own) if title is None else str(title) for own, title in zip(raw, titles, strict=True)]
    return Items(shown, named, has, read.train_counts(audit, model.dataset_id))


def _of_items(catalogue: Catalogue, items: Items) -> Material:
    ids = catalogue.item_id
    nothing = np.zeros(len(ids) + 1, np.int64)
    return Material("item", ids, ids, ids, nothing, nothing[:0], catalogue.vectors, items, catalogue)


def _of_cases(
    audit: Audit, model: Model, cases: CaseRows, catalogue: Catalogue, items: Items, seed: int
) -> Material:
    timeline = read.timeline(audit, model.dataset_id)
    field = Field(cases, timeline, catalogue, protocol_named(model.protocol), len(items.titles))
    best = top_lists(field, cases.vectors, np.arange(len(cases)), 1)[0][:, 0]
    start, stop = timeline.spans(cases.user, cases.history_end)
    ordered = model.reads == "sequence"
    rng = np.random.default_rng(seed)
    shown: list[IntArray] = []
    for case in range(len(cases)):
        rows = np.arange(start[case], stop[case])
        if ordered:
            rows = rows[-min(HISTORY_SHOWN, model.history_length or HISTORY_SHOWN) :]
        else:
            # Held-out items are no part of what a user-level vector was learned from.
            rows = rows[timeline.split[rows] != Split.TEST]
            rows = np.sort(rng.permutation(rows)[:HISTORY_SHOWN])
        shown.append(timeline.item[rows])
    bounds = np.concatenate([[0], np.cumsum([len(part) for part in shown])]).astype(np.int64)
    history = np.concatenate(shown) if shown else np.empty(0, np.int64)
    found = Material(
        "case", cases.case_id, cases.user, best, bounds, history, cases.vectors, items, catalogue
    )
    return found if (best != EMPTY).all() else _only(found, np.flatnonzero(best != EMPTY))


def _only(material: Material, kept: IntArray) -> Material:
    parts = [material.history_of(int(entity)) for entity in kept]
    bounds = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return Material(
        material.kind,
        material.ids[kept],
        material.owner[kept],
        material.focus[kept],
        bounds,
        np.concatenate(parts) if parts else np.empty(0, np.int64),
        material.vectors[kept],
        material.items,
        material.catalogue,
    )


def _sampled(cases: CaseRows, seed: int) -> CaseRows:
    users = np.unique(cases.user)
    if len(cases) <= POOL:
        return cases
    chosen = np.random.default_rng(seed).permutation(users)
    kept = np.flatnonzero(np.isin(cases.user, chosen[: max(1, POOL * len(users) // len(cases))]))
    return CaseRows(
        cases.case_id[kept], cases.user[kept], cases.kind[kept], cases.history_end[kept], cases.vectors[kept]
    )
