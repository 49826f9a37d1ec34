"""Everything about one latent, as tables. Reads only; no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses import attribution
from recaudit.errors import UsageError
from recaudit.metrics.neighbours import similar_items
from recaudit.report.model import TableSection, section
from recaudit.store import Audit, concepts, latents, read
from recaudit.store.read import Model, Sae

ITEMS = 8
NEIGHBOURS = 5
CONCEPTS = 8
BINS = 10
BAR = 24
"""Characters of the longest bar."""
EXAMPLES = {"strongest": 0.0, "upper quarter": 0.25, "middle": 0.5, "lower quarter": 0.75, "weakest": 1.0}
"""Where in the order of its activations an example lies."""


def page(audit: Audit, model: Model, sae: Sae, latent: int, rule: str) -> list[TableSection]:
    """One latent: what it is, its names, items, examples, concepts, neighbours and effect on scores.

    Args:
        rule: attribution rule of its items, see ``attribution.RULES``.

    Raises:
        UsageError: the dictionary has no such latent.
    """
    return list(parts(audit, model, sae, latent, rule))


def parts(audit: Audit, model: Model, sae: Sae, latent: int, rule: str) -> Iterator[TableSection]:
    """The tables of ``page`` one by one, those that are quickly made first. Raises as ``page``."""
    if not 0 <= latent < sae.n_latents:
        raise UsageError(f"no latent {latent}", fix=f"latents go from 0 to {sae.n_latents - 1}")
    for made in _parts(audit, model, sae, latent, rule):
        yield from (table for table in made if table.rows)


def _parts(audit: Audit, model: Model, sae: Sae, latent: int, rule: str) -> Iterator[list[TableSection]]:
    yield [_facts(audit, sae, latent)]
    yield _names(audit, sae, latent)
    entities, values = latents.values(audit, model, sae, latent)
    if len(values):
        yield [_histogram(sae, latent, values)]
        yield _items(audit, model, sae, latent, rule)
        yield _examples(audit, model, sae, latent, entities, values)
    yield _concepts(audit, sae, latent)
    yield _profiles(audit, sae, latent)
    yield _effect(audit, model, sae, latent)
    yield _neighbours(audit, model, sae, latent)


def _facts(audit: Audit, sae: Sae, latent: int) -> TableSection:
    found = latents.statistics(audit, sae, latent)
    what = "items" if found["entity_kind"] == "item" else "users"
    trained = sae.training["settings"]["preset"] if sae.training else None
    facts: list[tuple[str, Any]] = [
        ("dictionary", f"{sae.name}, {sae.n_latents:,} latents, {sae.activation}"),
        ("from", f"{sae.tool}{f', preset {trained}' if trained else ''}, sha256 {sae.sha256[:12]}…"),
        (f"fires on {what}", f"{found['n_cases']:,} ({found['density']:.2%})"),
        ("activation, mean and max", f"{found['mean_value']:.3f}, {found['max_value']:.3f}"),
        ("decoder length", f"{found['decoder_norm']:.3f}"),
        ("cosine to the nearest decoder row", f"{found['max_decoder_cosine']:.3f}"),
    ]
    if found["dead"]:
        facts.append(("state", "dead: fires on nothing that is stored"))
    return section(
        "facts", f"Latent {latent}", "", pd.DataFrame(facts, columns=["fact", "value"]),
        f"SELECT * FROM latents WHERE sae_id = {sae.sae_id} AND latent = {latent}", len(facts),
    )  # fmt: skip


def _names(audit: Audit, sae: Sae, latent: int) -> list[TableSection]:
    found = latents.names(audit, sae, latent)
    caption = (
        "Confidence: share of right guesses on cases that the name was not made from. `shuffled`: other latents' names "
        "on the same cases. A name that is not verified does not beat them."
    )
    sql = f"SELECT * FROM labels WHERE sae_id = {sae.sae_id} AND latent = {latent}"
    return [section("names", "Names", caption, found, sql, len(found))]


def _histogram(sae: Sae, latent: int, values: NDArray[np.float64]) -> TableSection:
    counts, edges = np.histogram(values, bins=BINS, range=(0.0, float(values.max())))
    frame = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "cases": counts, "": _bars(counts)})
    return section(
        "histogram", "How strongly it fires", "", frame,
        f"SELECT value FROM activations WHERE sae_id = {sae.sae_id} AND latent = {latent}", len(frame),
    )  # fmt: skip


def _bars(values: NDArray[Any]) -> list[str]:
    longest = max(float(values.max()), 1e-300)
    return ["█" * round(BAR * max(float(value), 0.0) / longest) for value in values]


def _profiles(audit: Audit, sae: Sae, latent: int) -> list[TableSection]:
    """Mean score by genre, and the decades of the strongest items, under each rule."""
    found = []
    where = f"WHERE sae_id = {sae.sae_id} AND latent = {latent}"
    for rule in concepts.scored_rules(audit, sae):
        means = concepts.genre_means(audit, sae, rule, latent)
        means = means.sort_values("mean", ascending=False, kind="stable")
        if len(means):
            means[""] = _bars(means["mean"].to_numpy())
            found.append(
                section(
                    f"genres_{rule}", f"Genre profile, {rule}",
                    "Mean score of a genre's items, most first; `ratio` to that of all items; `q` of the rank-sum test.",
                    means[["genre", "n", "mean", "ratio", "auc", "q", ""]],
                    f"SELECT * FROM latent_concepts {where} AND rule = '{rule}' ORDER BY mean_with DESC", len(means),
                )
            )  # fmt: skip
        times = concepts.decades(audit, sae, rule, latent)
        if len(times):
            times[""] = _bars(times["share"].to_numpy())
            found.append(
                section(
                    f"decades_{rule}", f"Decades of its strongest items, {rule}",
                    f"Tested for keeping to few decades, against random items: permutation q = {times['q'].iloc[0]:.2g}.",
                    times[["decade", "n", "share", "catalogue", ""]],
                    f"SELECT * FROM latent_decades {where} AND rule = '{rule}'", len(times),
                )
            )  # fmt: skip
    return found


def _items(audit: Audit, model: Model, sae: Sae, latent: int, rule: str) -> list[TableSection]:
    if "case" not in sae.entity_kinds:
        return []
    found = []
    for by in ("lift", "strength"):
        items = attribution.items_of_latents(audit, model, sae, [latent], rule=rule, by=by, limit=ITEMS)
        items["title"] = items["title"].where(items["title"].notna(), items["item"])
        found.append(
            section(
                f"items_by_{by}",
                f"Its items by {by}",
                f"An item belongs to a case as {attribution.RULES[rule]}; {by}: {attribution.ORDERS[by]}.",
                items[["title", "item", "count", "users", "strength", "lift", "q"]],
                f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND latent = {latent} AND entity_kind = 'case'",
                len(items),
            )
        )
    return found


def _examples(
    audit: Audit,
    model: Model,
    sae: Sae,
    latent: int,
    entities: NDArray[np.int64],
    values: NDArray[np.float64],
) -> list[TableSection]:
    places = sorted({round(share * (len(values) - 1)) for share in EXAMPLES.values()})
    said = dict(zip((round(share * (len(values) - 1)) for share in EXAMPLES.values()), EXAMPLES, strict=True))
    chosen = [int(entities[place]) for place in places]
    sql = f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND latent = {latent} ORDER BY value DESC"
    if sae.entity_kinds == ("item",):
        raw, titles = read.raw_items(audit, model.dataset_id)
        shown = pd.DataFrame(
            {
                "": [said[place] for place in places],
                "value": [values[place] for place in places],
                "item": [raw[item] for item in chosen],
                "title": [titles[item] for item in chosen],
            }
        )
    else:
        whose = latents.owners(audit, model, chosen).set_index("case_id")
        lists = latents.first_recommended(audit, model, chosen)
        shown = pd.DataFrame(
            {
                "": [said[place] for place in places],
                "value": [values[place] for place in places],
                "user": [whose.at[case, "user"] for case in chosen],
                "newest in the history": [whose.at[case, "newest"] for case in chosen],
                "first recommendation": [lists.get(case) for case in chosen],
            }
        )
    return [section("examples", "Examples from strongest to weakest", "", shown, sql, len(values))]


def _concepts(audit: Audit, sae: Sae, latent: int) -> list[TableSection]:
    pairs = concepts.concepts_of_latent(audit, sae, latent)
    best = (
        pairs.sort_values(["rule", "auc"], ascending=[True, False], kind="stable")
        .groupby("rule")
        .head(CONCEPTS)
    )
    scores = latents.scores(audit, sae, latent)
    where = f"WHERE sae_id = {sae.sae_id} AND latent = {latent}"
    return [
        section(
            "concepts", "Concepts it goes with", "AUC on all items; `q` tests enrichment among its strong items.",
            best[["rule", "kind", "concept", "n", "auc", "ap", "f1", "q"]],
            f"SELECT * FROM latent_concepts {where} ORDER BY auc DESC", len(pairs),
        ),
        section(
            "scores", "How alike its items are", "Each beside what chance gives; `z` in standard deviations of the null.",
            scores, f"SELECT * FROM latent_scores {where}", len(scores),
        ),
    ]  # fmt: skip


def _effect(audit: Audit, model: Model, sae: Sae, latent: int) -> list[TableSection]:
    """Items whose score one unit of the latent raises and lowers most."""
    if model.head != "dot" or "case" not in sae.entity_kinds:
        return []
    catalogue = read.catalogue(audit, model)
    _, decoder = read.vectors(audit, model.model_id, sae.dim, "decoder", sae.sae_id)
    effect = (catalogue.vectors @ decoder[latent]).astype(np.float64)
    effect -= effect.mean()  # what all items share moves no rank
    order = np.argsort(-effect, kind="stable")
    raw, titles = read.raw_items(audit, model.dataset_id)
    chosen = [*order[:NEIGHBOURS], *order[-NEIGHBOURS:]] if len(order) >= 2 * NEIGHBOURS else list(order)
    items = catalogue.item_id[chosen]
    frame = pd.DataFrame(
        {
            "title": [titles[item] or raw[item] for item in items],
            "item": [raw[item] for item in items],
            "effect": effect[chosen],
        }
    )
    return [
        section(
            "effect", "What it does to scores",
            "Change of an item's score per unit of activation, the mean over all items taken off: what it lifts most, "
            "then what it lowers most.",
            frame,
            f"SELECT vector FROM vectors_{sae.dim} WHERE sae_id = {sae.sae_id} AND kind = 'decoder' AND entity_id = {latent}",
            len(effect),
        )
    ]  # fmt: skip


def _neighbours(audit: Audit, model: Model, sae: Sae, latent: int) -> list[TableSection]:
    _, decoder = read.vectors(audit, model.model_id, sae.dim, "decoder", sae.sae_id)
    rows, cosines = similar_items(decoder, latent, NEIGHBOURS)
    close = pd.DataFrame({"latent": rows, "cosine": cosines})
    together = latents.fired_together(audit, model, sae, latent, NEIGHBOURS)
    return [
        section(
            "neighbours_by_direction", "Nearest in direction", "Cosine of decoder rows; near 1 says the same thing twice.",
            close, f"SELECT entity_id, vector FROM vectors_{sae.dim} WHERE sae_id = {sae.sae_id} AND kind = 'decoder'",
            sae.n_latents - 1,
        ),
        section(
            "neighbours_by_activation", "Fire together with it",
            "Jaccard: cases with both over cases with either. Lift: how much likelier the other fires where this one does.",
            together, f"SELECT * FROM activations WHERE sae_id = {sae.sae_id}", len(together),
        ),
    ]  # fmt: skip
