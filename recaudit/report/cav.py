"""Sections of a report about concept activation vectors and conditions. Reads only."""

from __future__ import annotations

from recaudit.analyses.cav.findings import alignment_word
from recaudit.report.model import TableSection, section
from recaudit.store import Audit, conditions
from recaudit.store import cav as store
from recaudit.store.read import Model

ROWS = 40


def sections(audit: Audit, model: Model) -> list[TableSection]:
    """One table a stored variant, and one for a conditioned model's conditions; none where nothing is stored."""
    variants = store.variants(audit, model.model_id)
    found = [_cavs(audit, model, variant) for variant in variants]
    found += [_latents(audit, model, variant) for variant in variants[:1]]
    spaces = conditions.spaces(audit, model)
    if spaces:
        found.append(_conditions(audit, model, "latent" if "latent" in spaces else "probe"))
    return [section for section in found if section.rows]


def _cavs(audit: Audit, model: Model, variant: str) -> TableSection:
    table = store.table(audit, model, variant)
    table = table[table["auc"].notna()]
    table = table.assign(ratings=[alignment_word(row) for _, row in table.iterrows()])
    shown = table[
        [
            *("kind", "concept", "n", "auc", "auc_low", "auc_high", "verdict"),
            *("share", "rating", "rating_low", "rating_high", "ratings"),
        ]
    ].rename(columns={"share": "history"})
    return section(
        name=f"cavs:{variant}",
        title="Concepts in the item vectors",
        caption=f"{variant}. AUC is held out, its interval over items; `history` is the Spearman correlation of users' "
        "sensitivity with the concept's share of their history (the positive control), `rating` that with their rating "
        "of the concept minus of other items.",
        frame=shown.head(ROWS),
        sql=f"SELECT * FROM cavs WHERE model_id = {model.model_id} AND variant = '{variant}' ORDER BY auc DESC",
        shown_of=len(shown),
    )


def _latents(audit: Audit, model: Model, variant: str) -> TableSection:
    frame = store.best_latents(audit, model, variant)
    shown = frame.rename(
        columns={"sae": "dictionary", "case_correlation": "over users", "item_correlation": "over items"}
    )
    return section(
        name="cav_latents",
        title="Concept vectors and their latents",
        caption=f"{variant}. The latent of each dictionary that goes best with a concept: correlation of its activation "
        "with users' sensitivity, with items' place along the vector, and the cosine of its decoder row.",
        frame=shown[["kind", "concept", "dictionary", "latent", "over users", "over items", "cosine"]].head(
            ROWS
        ),
        sql=f"SELECT * FROM cav_latents WHERE model_id = {model.model_id} ORDER BY abs(case_correlation) DESC",
        shown_of=len(shown),
    )


def _conditions(audit: Audit, model: Model, space: str) -> TableSection:
    table = conditions.centroids(audit, model, space)
    near = conditions.neighbours(audit, model, space)
    nearest = near[near["rank"] <= 3].groupby("condition")["other"].agg(", ".join)
    table = table.assign(nearest=table["condition"].map(nearest))
    ranked = conditions.centroids(audit, model, "probe").set_index("condition")
    for name in ("ndcg", "ndcg_within", "hit_share", "hit_share_none"):
        table[name] = table["condition"].map(ranked[name])
    shown = table[
        ["condition", "radius", "nearest", "n_items", "ndcg", "ndcg_within", "hit_share", "hit_share_none"]
    ]
    return section(
        name="conditions",
        title="Conditions and where they lie",
        caption=f"Radius: distance of a condition's centroid from the middle of them, in the {space} space. NDCG@100 of "
        "held-out items that have the condition's concept, over all items and among those of the concept; the share of "
        "the first 100 that has it, under the condition and without one.",
        frame=shown,
        sql=f"SELECT * FROM condition_centroids WHERE model_id = {model.model_id} ORDER BY space, radius",
        shown_of=len(shown),
    )
