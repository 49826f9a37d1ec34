"""The strongest latents as cards: what a page lets people search. Reads only."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from recaudit.analyses import attribution
from recaudit.store import Audit, browse, listings
from recaudit.store import concepts as concept_store
from recaudit.store import gallery as store
from recaudit.store.read import Model, Sae

CARDS = 200
"""Latents with a card, strongest first; the audit file has all."""
ITEMS = 6
CONCEPTS = 3
Q = 0.05

Scored = list[tuple[str, float]]


@dataclass(frozen=True)
class Card:
    """One latent.

    Attributes:
        name: by hand or verified; empty where there is none. ``confidence`` is that of a verified one, 0..1.
        density: share of users (of items, where the dictionary encodes no users) on which it fires, 0..1.
        popularity: Spearman correlation with popularity; None where it was not looked at.
        histogram: counts of its activations in equal bins from 0 to its largest value.
        items: title, and how much likelier the item is where the latent fires (its value, for an item dictionary).
        concepts: name and AUC, best first; those it is enriched for.
    """

    latent: int
    name: str
    confidence: float | None
    density: float
    largest: float
    popularity: float | None
    histogram: list[int]
    items: Scored
    concepts: Scored


@dataclass(frozen=True)
class Gallery:
    """The cards, of how many latents; ``sql`` lists all of these."""

    cards: list[Card]
    of: int
    sql: str
    fires_on: str
    """``users`` or ``items``."""
    items_by: str
    """What the number beside an item is."""


def gallery(audit: Audit, model: Model, sae: Sae, rule: str) -> Gallery:
    """The ``CARDS`` latents with most contribution (sum of values x length of the decoder row)."""
    query = browse.Query(limit=CARDS, terms=(browse.Term("dead", "=", True, negated=True),))
    parameters = {"sae": sae.sae_id, "kind": sae.entity_kinds[0]}
    page = browse.page(audit, listings.LATENTS, parameters, query)
    names = [column.name for column in listings.LATENTS.columns]
    rows = [dict(zip(names, row, strict=True)) for row in page.rows]
    latents = [int(row["latent"]) for row in rows]
    histograms = store.histograms(audit, sae, latents)
    of_items = sae.entity_kinds == ("item",)
    items = _own_items(audit, sae, latents) if of_items else _items(audit, model, sae, latents, rule)
    concepts = _concepts(audit, sae, latents, rule)
    cards = [
        _card(row, histograms[latent], items[latent], concepts[latent])
        for latent, row in zip(latents, rows, strict=True)
    ]
    everything = browse.Query(terms=query.terms, limit=None)
    return Gallery(
        cards,
        page.matched,
        browse.readable_sql(listings.LATENTS, parameters, everything),
        "items" if of_items else "users",
        "activation" if of_items else "lift",
    )


def _card(row: dict[str, Any], histogram: list[int], items: Scored, concepts: Scored) -> Card:
    return Card(
        latent=int(row["latent"]),
        name=str(row["label"] or "").removeprefix("★ "),
        confidence=row["conf"],
        density=float(row["density"]),
        largest=float(row["max"]),
        popularity=row["pop"],
        histogram=histogram,
        items=items,
        concepts=concepts,
    )


def _items(audit: Audit, model: Model, sae: Sae, latents: list[int], rule: str) -> dict[int, Scored]:
    frame = attribution.items_of_latents(audit, model, sae, latents, rule=rule, by="lift", limit=ITEMS)
    titles = frame["title"].where(frame["title"].notna(), frame["item"])
    return _grouped(frame["latent"], titles, frame["lift"])


def _own_items(audit: Audit, sae: Sae, latents: list[int]) -> dict[int, Scored]:
    frame = store.strongest_items(audit, sae, latents, ITEMS)
    return _grouped(frame["latent"], frame["title"], frame["value"])


def _concepts(audit: Audit, sae: Sae, latents: list[int], rule: str) -> dict[int, Scored]:
    known = concept_store.rules(audit, sae)
    trusted = next((one for one in (rule, "item", "direct") if one in known), None)
    if trusted is None:
        return defaultdict(list)
    frame = store.concepts(audit, sae, trusted, latents, Q, CONCEPTS)
    return _grouped(frame["latent"], frame["concept"], frame["auc"])


def _grouped(latents: Any, texts: Any, values: Any) -> dict[int, Scored]:
    found: dict[int, Scored] = defaultdict(list)
    for latent, text, value in zip(latents, texts, values, strict=True):
        found[int(latent)].append((str(text), float(value)))
    return found
