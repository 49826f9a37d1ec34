"""Everything about one item: its concepts, the latents that go with it, its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from recaudit.analyses import attribution
from recaudit.metrics.neighbours import similar_items
from recaudit.store import Audit, listings, read
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.write_out import facts, frame_block
from recaudit.tui.host import Subject
from recaudit.tui.places import Place

LATENTS = 12
NEIGHBOURS = 8


def blocks(audit: Audit, subject: Subject, item: str) -> Iterator[Block]:
    """The page of an item, by raw id."""
    model = subject.model
    index = read.item_index(audit, model, item)
    title, pairs = listings.item_facts(audit, model, index)
    yield facts(
        "item", f"{printable(title)} (item {printable(item)})", pairs,
        f"SELECT * FROM items WHERE dataset_id = {model.dataset_id} AND item_id = {index}",
    )  # fmt: skip
    yield _concepts(audit, subject, index)
    catalogue = read.catalogue(audit, model)
    column = int(catalogue.column_of(read.count(audit, "items", model.dataset_id))[index])
    if column < 0:
        yield facts(
            "unknown",
            "Not a candidate",
            [("why", "the model has no row for this item, so it can never recommend it")],
        )
        return
    if subject.sae is not None:
        yield from _latents(audit, subject, index, catalogue, column)
    rows, cosines = similar_items(catalogue.vectors, column, NEIGHBOURS)
    raw, titles = read.raw_items(audit, model.dataset_id)
    near = catalogue.item_id[rows]
    yield frame_block(
        "neighbours", "Nearest items by their vectors",
        pd.DataFrame({"title": [titles[n] or raw[n] for n in near], "item": raw[near], "cosine": cosines}),
        sql=f"SELECT * FROM vectors_{model.dim} WHERE model_id = {model.model_id} AND kind = 'item'",
    )  # fmt: skip


def _concepts(audit: Audit, subject: Subject, index: int) -> Block:
    found = listings.concepts_of_item(audit, subject.model.dataset_id, index)
    rows = tuple(
        Row(
            (printable(kind), printable(name), f"{n:,}"),
            (kind, name, n),
            (Place("concept", f"{kind}:{name}"),),
        )
        for kind, name, n in found
    )
    return Block(
        "concepts", "Its concepts", "" if rows else "No concepts are known of it.",
        (Column("kind"), Column("concept"), Column("items", right=True)), rows,
        f"SELECT * FROM item_concepts WHERE item_id = {index}", len(rows),
    )  # fmt: skip


def _latents(
    audit: Audit, subject: Subject, index: int, catalogue: read.Catalogue, column: int
) -> Iterator[Block]:
    model, sae = subject.model, subject.sae
    assert sae is not None
    names = listings.latent_names(audit, sae)
    if "case" in sae.entity_kinds:
        found = attribution.latents_of_items(audit, model, sae, [index], by="lift", limit=LATENTS)
        found.insert(1, "name", [names.get(int(latent)) for latent in found["latent"]])
        yield frame_block(
            "latents", "Latents that go with it",
            found[["latent", "name", "count", "users", "strength", "lift", "q"]],
            caption=f"It belongs to a case as {attribution.RULES[attribution.DEFAULT_RULE]}; lift: how much likelier than overall.",
            sql=f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_kind = 'case'",
        )  # fmt: skip
    else:
        own = listings.codes_of_item(audit, sae, index)
        own.insert(1, "name", [names.get(int(latent)) for latent in own["latent"]])
        yield frame_block(
            "codes", "Latents that fire on it", own.head(LATENTS), shown_of=len(own),
            sql=f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_kind = 'item' AND entity_id = {index}",
        )  # fmt: skip
    if model.head == "dot" and "case" in sae.entity_kinds:
        _, decoder = read.vectors(audit, model.model_id, sae.dim, "decoder", sae.sae_id)
        effect = (decoder @ (catalogue.vectors[column] - catalogue.vectors.mean(axis=0))).astype(np.float64)
        order = np.argsort(-effect, kind="stable")
        chosen = [*order[:6], *order[-6:]] if len(order) > 12 else list(order)
        yield frame_block(
            "effect", "Latents that lift it most, and that lower it most",
            pd.DataFrame({"latent": chosen, "name": [names.get(int(n)) for n in chosen], "effect": effect[chosen]}),
            caption="Change of its score, beside the mean over all items, per unit of the latent.", shown_of=len(order),
            sql=f"SELECT * FROM vectors_{sae.dim} WHERE sae_id = {sae.sae_id} AND kind = 'decoder'",
        )  # fmt: skip
