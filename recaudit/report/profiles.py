"""Sections of a report about what latents' items share: genres, decades, likeness. Tables that plots are made from."""

from __future__ import annotations

import pandas as pd

from recaudit.report.model import TableSection, section
from recaudit.store import Audit
from recaudit.store import concepts as store
from recaudit.store.read import Model, Sae, controls

LATENTS = 20
"""Latents in a table of profiles."""
BEST = 3
"""Latents of each genre."""
Q = 0.05


def sections(audit: Audit, model: Model, sae: Sae) -> list[TableSection]:
    """Monosemanticity beside controls, and genres, under each rule that gives items scores above zero."""
    found = []
    for rule in store.scored_rules(audit, sae):
        found.append(_alike(audit, model, sae, rule))
        means = store.genre_means(audit, sae, rule)
        if not means.empty:
            found += [_by_genre(sae, rule, means), _by_latent(sae, rule, means)]
    return found


def temporal(audit: Audit, sae: Sae) -> list[TableSection]:
    """Decades of latents' strongest items, under each rule; none where items have no years."""
    stored = {rule: store.decades(audit, sae, rule) for rule in store.scored_rules(audit, sae)}
    return [_decades(sae, rule, frame) for rule, frame in stored.items() if not frame.empty]


def _alike(audit: Audit, model: Model, sae: Sae, rule: str) -> TableSection:
    dictionaries = [sae, *controls(audit, model.model_id, sae)]
    parts = []
    for dictionary in dictionaries:
        part = store.monosemanticity(audit, model, dictionary, rule)
        part.insert(0, "dictionary", dictionary.name if dictionary.role == "sae" else dictionary.role)
        parts.append(part[~part["variant"].str.endswith("-uncentred")])
    frame = pd.concat(parts, ignore_index=True)
    frame = frame.sort_values("variant", kind="stable", ignore_index=True)
    ids = ", ".join(str(dictionary.sae_id) for dictionary in dictionaries)
    return section(
        f"monosemanticity_{rule}",
        f"How alike a latent's items are, {rule}",
        "Mean cosine of pairs of items, weighted by how strongly the latent scores both. `independent`: vectors made of "
        "metadata, which know nothing of the model; `own`: the model's item vectors, which the latents were trained to "
        "rebuild; `ms30`: the 30 strongest items only. `chance`: the same weights dealt to random items; `above`: share "
        "of latents above it (q <= .05).",
        frame,
        f"SELECT * FROM metrics WHERE sae_id IN ({ids}) AND protocol = 'concepts by {rule}' "
        "AND metric LIKE 'monosemanticity.%'",
        len(frame),
    )


def _by_genre(sae: Sae, rule: str, means: pd.DataFrame) -> TableSection:
    best = _selective(means).groupby("genre", sort=True).head(BEST)
    return section(
        f"genre_activation_{rule}",
        f"Mean activation by genre, {rule}",
        f"The {BEST} latents that tell a genre's items best from others: mean score in the genre, over all items, and "
        "their ratio. A genre that is not listed has no latent that is stronger on it (rank-sum test, q <= .05).",
        best[["genre", "n", "latent", "mean", "overall", "ratio", "auc", "q"]],
        f"SELECT * FROM latent_concepts WHERE sae_id = {sae.sae_id} AND rule = '{rule}' AND kind IN ('genre', 'category') "
        "ORDER BY name, auc DESC",
        len(_selective(means)),
    )


def _by_latent(sae: Sae, rule: str, means: pd.DataFrame) -> TableSection:
    selective = _selective(means)
    chosen = selective.sort_values(["auc", "latent"], ascending=[False, True], kind="stable")
    latents = list(dict.fromkeys(chosen["latent"]))
    profile = means.pivot(index="latent", columns="genre", values="ratio").loc[latents[:LATENTS]]
    return section(
        f"genre_profiles_{rule}",
        f"Genre profiles of latents, {rule}",
        "Mean score in each genre over that of all items: 1 is no preference. Latents that tell one genre best come first.",
        profile.reset_index(),
        f"SELECT latent, name, mean_with / mean_all FROM latent_concepts WHERE sae_id = {sae.sae_id} AND rule = '{rule}' "
        "AND kind IN ('genre', 'category')",
        len(latents),
    )


def _decades(sae: Sae, rule: str, frame: pd.DataFrame) -> TableSection:
    """The catalogue's histogram, then those of the most concentrated latents."""
    known = frame.drop_duplicates("decade").sort_values("decade")
    catalogue = pd.DataFrame([dict(zip(known["decade"], known["catalogue"], strict=True))])
    one = frame.drop_duplicates("latent")
    beyond = one[one["q"] <= Q].sort_values(
        ["concentration", "latent"], ascending=[False, True], kind="stable"
    )
    latents = beyond["latent"].head(LATENTS)
    shares = (
        frame.pivot(index="latent", columns="decade", values="share").fillna(0.0).loc[latents].reset_index()
    )
    shares["concentration"], shares["q"] = (
        beyond[name].head(LATENTS).to_numpy() for name in ("concentration", "q")
    )
    whole = pd.concat([catalogue.assign(latent="catalogue"), shares], ignore_index=True)
    return section(
        f"latent_decades_{rule}",
        f"Decades of latents' strongest items, {rule}",
        f"Share of a latent's strongest items from each decade; {len(beyond):,} of {len(one):,} latents are more "
        "concentrated than random items of the catalogue (permutation, q <= .05). `concentration`: 1 in a single decade, "
        "0 spread evenly.",
        whole[["latent", "concentration", *known["decade"], "q"]],
        f"SELECT * FROM latent_decades WHERE sae_id = {sae.sae_id} AND rule = '{rule}'",
        len(beyond) + 1,
    )


def _selective(means: pd.DataFrame) -> pd.DataFrame:
    return means[(means["q"] <= Q) & (means["auc"] > 0.5)]
