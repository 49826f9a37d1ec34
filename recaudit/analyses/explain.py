"""One score split exactly over latents, biases and what the SAE misses.

``x = Σ_j z_j v_j + pre_bias + error`` and ``score = x · q + bias + offset``, so every part's share is an
inner product with the item vector ``q`` and the parts sum to the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recaudit.analyses.recommend import case_of
from recaudit.checkpoints.spec import SaeSpec
from recaudit.errors import UsageError
from recaudit.store import Audit, read, views
from recaudit.store.read import Model, Sae
from recaudit.text import printable


@dataclass(frozen=True)
class Part:
    """A share of the score. ``latent`` and ``activation`` are set for latents only."""

    part: str
    amount: float
    latent: int | None = None
    activation: float | None = None


@dataclass(frozen=True)
class Explanation:
    """Parts, largest share first, and the score they sum to."""

    score: float
    parts: tuple[Part, ...]


def explained(
    audit: Audit,
    model_name: str | None,
    user: str,
    item: str,
    *,
    at: str = "test",
    sae_name: str | None = None,
) -> Explanation:
    """Split the score of one item for one user's case.

    Without a sparse autoencoder the parts are the inner product and the biases.

    Raises:
        UsageError: no such model, user or item, or the model cannot score the item.
    """
    model = read.model_named(audit, model_name)
    if model.head != "dot":
        raise UsageError(
            f"model {printable(model.name)} does not score by an inner product ({model.head}): its scores have no "
            "exact split over latents",
            fix="explain a model that ends in an inner product",
        )
    case = case_of(audit, model, user, at)
    x = read.vector(audit, model, "case", case).astype(np.float64)
    q, bias = _item(audit, model, item)
    sae = read.find_sae(audit, model, sae_name)
    with_codes = sae is not None and "case" in sae.entity_kinds
    parts = (
        _latent_parts(audit, model, sae, case, x, q)
        if sae is not None and with_codes
        else [Part("inner product", float(x @ q))]
    )
    parts += [Part("item bias", bias), Part("user bias", read.score_offset(audit, model, case))]
    kept = [part for part in parts if part.amount != 0.0 or part.latent is not None]
    score = float(x @ q) + bias + read.score_offset(audit, model, case)
    return Explanation(score, tuple(sorted(kept, key=lambda part: -abs(part.amount))))


def latents_behind(
    audit: Audit, model: Model, sae: Sae, case: int, items: Sequence[int], *, most: int = 3
) -> list[list[Part]]:
    """The latents that move the scores of some items most, exactly as ``explained`` splits them.

    Args:
        items: dense ids of items that the model can score.
        most: latents an item, largest share first.

    Returns:
        A list an item, in their order.

    Raises:
        UsageError: scores of this model have no exact split over latents of this dictionary.
    """
    if model.head != "dot" or "case" not in sae.entity_kinds:
        raise UsageError(
            f"model {printable(model.name)} scores by {printable(model.head)}: its scores have no exact split over latents",
            fix="explain a model that ends in an inner product",
        )
    catalogue = read.catalogue(audit, model)
    column = catalogue.column_of(read.count(audit, "items", model.dataset_id))
    vectors = catalogue.vectors[column[np.asarray(items, dtype=np.int64)]].astype(np.float64)
    x = read.vector(audit, model, "case", case).astype(np.float64)
    spec = _plain_spec(audit, model, sae)
    return [
        sorted(_shares(audit, model, sae, spec, case, x, q)[:-2], key=lambda part: -abs(part.amount))[:most]
        for q in vectors
    ]


def _item(audit: Audit, model: Model, raw_id: str) -> tuple[np.ndarray, float]:
    index = read.item_index(audit, model, raw_id)
    bias = audit.rows(
        "SELECT bias FROM model_items WHERE model_id = ? AND item_id = ?", [model.model_id, index]
    )
    if not bias:
        raise UsageError(
            f"model {printable(model.name)} has no row for item {printable(raw_id)}",
            fix="choose an item it knows",
        )
    return read.vector(audit, model, "item", index).astype(np.float64), float(bias[0][0])


def _latent_parts(
    audit: Audit, model: Model, sae: Sae, case: int, x: np.ndarray, q: np.ndarray
) -> list[Part]:
    return _shares(audit, model, sae, _plain_spec(audit, model, sae), case, x, q)


def _plain_spec(audit: Audit, model: Model, sae: Sae) -> SaeSpec:
    spec = read.sae_spec(audit, model, sae)
    if spec.norm_in != "none" or spec.skip is not None:
        raise UsageError(
            f"the SAE of model {printable(model.name)} rescales or bypasses its input: a score has no exact split "
            "over its latents",
            fix="explain with an SAE that reads the vectors as they are",
        )
    return spec


def _shares(
    audit: Audit, model: Model, sae: Sae, spec: SaeSpec, case: int, x: np.ndarray, q: np.ndarray
) -> list[Part]:
    """Latents that fire, then pre-bias and error."""
    fired = views.case_latents(audit, sae, case)
    values = fired["value"].to_numpy(dtype=np.float64)
    rows = spec.decoder[fired["latent"].to_numpy()].astype(np.float64)
    centre = np.zeros(model.dim) if spec.pre_bias is None else spec.pre_bias.astype(np.float64)
    error = x - (values @ rows + centre)
    shares = values * (rows @ q)
    parts = [
        Part("latent", float(share), int(latent), float(value))
        for share, latent, value in zip(shares, fired["latent"], values, strict=True)
    ]
    return [*parts, Part("SAE pre-bias", float(centre @ q)), Part("SAE error", float(error @ q))]
