"""One user: what the model makes of them concept by concept, beside what they watched and how they rated it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recaudit.analyses.cav.gradients import depends_on_item
from recaudit.analyses.scoring import head_of
from recaudit.errors import NoVerdictError, UsageError
from recaudit.store import Audit, read, views
from recaudit.store import cav as store
from recaudit.store.read import Model
from recaudit.text import printable

CONCEPTS = 3
"""Strongest concepts whose items and latents are shown."""
ITEMS = 5
LATENTS = 5
LEAST_CONCEPTS = 6
"""Concepts that a user's agreement is told over at least."""


@dataclass(frozen=True)
class Profile:
    """``concepts`` has a row per concept, most unusual sensitivity first; see ``store.cav.user_profile``.

    ``items``: of the strongest concepts, the history's items that lie farthest along the CAV (``concept, item,
    title, rating, along``: cosine of item vector and CAV, ``farther``: share of all items that lie less far).
    ``latents``: what sets this user's sensitivity apart from the average user's (``concept, sae, latent, value, mean,
    contribution``: (value - mean over users) x decoder row . CAV; over all latents, with what the dictionary leaves
    out, they add up to the centred sensitivity; none where scores are no dot product). ``with_history`` and ``with_ratings``: how the model's order of
    concepts goes with the user's.
    """

    concepts: pd.DataFrame
    items: pd.DataFrame
    latents: pd.DataFrame
    with_history: Agreement
    with_ratings: Agreement


@dataclass(frozen=True)
class Agreement:
    """Spearman correlation over one user's ``n`` concepts; NaN below ``LEAST_CONCEPTS``.

    A description of this user and no test: concepts share items, so they are not ``n`` independent draws.
    """

    value: float
    n: int


def profile(audit: Audit, model: Model, user: str, variant: str) -> Profile:
    """Everything about one user under a variant's CAVs.

    Raises:
        NoVerdictError: the audit holds no CAVs of the variant, or none of a concept that is present.
        UsageError: no such user, or none the model has a vector of.
    """
    if not store.has_variant(audit, model.model_id, variant):
        raise NoVerdictError(
            f"model {printable(model.name)} has no such CAVs yet",
            fix=f"run `recaudit cav {printable(model.name)}`",
        )
    index = read.user_index(audit, model, user)
    concepts = store.user_profile(audit, model, variant, index)
    if concepts.empty and store.has_sensitivities(audit, model.model_id, variant):
        raise UsageError(
            f"user {printable(user)} is no case of model {printable(model.name)}: it has no vector of them",
            fix="choose a user that `recaudit recommend` knows",
        )
    if concepts.empty:
        raise NoVerdictError(
            f"no concept is present in model {printable(model.name)}: there is nothing to hold a user against",
            fix=f"`recaudit cav {printable(model.name)}` shows what was looked for",
        )
    top = concepts.head(CONCEPTS)
    cav_ids = [int(cav) for cav in top["cav_id"]]
    directions = dict(zip(cav_ids, store.directions(audit, model.model_id, cav_ids), strict=True))
    names = dict(zip(cav_ids, top["concept"], strict=True))
    return Profile(
        concepts,
        _items(audit, model, index, directions, names),
        _latents(audit, model, index, directions, names),
        # Percentiles compare with other users, so history and ratings must: against all histories, against other items.
        _agreement(concepts["percentile"], concepts["share"] / concepts["mean_share"]),
        _agreement(concepts["percentile"], concepts["rated"] - concepts["rated_outside"]),
    )


def _agreement(model: pd.Series, own: pd.Series) -> Agreement:
    known = own.notna()
    n = int(known.sum())
    value = model[known].corr(own[known], method="spearman") if n >= LEAST_CONCEPTS else np.nan
    return Agreement(float(value), n)


def _items(
    audit: Audit, model: Model, user: int, directions: dict[int, np.ndarray], names: dict[int, str]
) -> pd.DataFrame:
    concept_of = store.concepts_of(audit, model.model_id, list(directions))
    owned = store.profile_items(audit, model, user, list(concept_of.values()))
    catalogue = read.catalogue(audit, model)
    column = catalogue.column_of(read.count(audit, "items", model.dataset_id))
    centred = catalogue.vectors.astype(np.float64) - catalogue.vectors.mean(axis=0)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    parts = []
    for cav, direction in directions.items():
        own = owned[owned["concept_id"] == concept_of[cav]].copy()
        place = column[own["item_id"].to_numpy(dtype=np.int64)]
        own, place = own[place >= 0], place[place >= 0]
        along = unit @ direction
        own["along"] = along[place]
        own["farther"] = np.searchsorted(np.sort(along), along[place]) / len(along)
        own.insert(0, "concept", names[cav])
        parts.append(own.sort_values(["along", "item_id"], ascending=[False, True]).head(ITEMS))
    return pd.concat(parts, ignore_index=True)[["concept", "item", "title", "rating", "along", "farther"]]


def _latents(
    audit: Audit,
    model: Model,
    user: int,
    directions: dict[int, np.ndarray],
    names: dict[int, str],
) -> pd.DataFrame:
    columns = ["concept", "sae", "latent", "value", "mean", "contribution"]
    case = views.newest_case(audit, model, user)
    # Where the gradient is not the user's vector, its parts are no parts of the sensitivity.
    if case is None or depends_on_item(head_of(read.catalogue(audit, model))):
        return pd.DataFrame(columns=columns)
    parts = []
    for sae in read.saes(audit, model.model_id):
        if "case" not in sae.entity_kinds:
            continue
        decoder = read.vectors(audit, model.model_id, sae.dim, "decoder", sae.sae_id)[1].astype(np.float64)
        fired = views.case_latents(audit, sae, case)
        codes = np.zeros(sae.n_latents)
        codes[fired["latent"].to_numpy(dtype=np.int64)] = fired["value"]
        mean = store.mean_codes(audit, model, sae)
        for cav, direction in directions.items():
            amount = (codes - mean) * (decoder @ direction)
            top = np.argsort(-np.abs(amount), kind="stable")[:LATENTS]
            parts.append(
                pd.DataFrame(
                    {
                        "concept": names[cav],
                        "sae": sae.name,
                        "latent": top,
                        "value": codes[top],
                        "mean": mean[top],
                        "contribution": amount[top],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
