"""One latent: what it fires on, what fires with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.store.audit import Audit
from recaudit.store.read import NEWEST_KINDS, Model, Sae

_POOL = """
    SELECT latent, entity_id, value FROM activations JOIN cases ON entity_kind = 'case' AND case_id = entity_id
    WHERE sae_id = $sae AND cases.model_id = $model AND list_contains($kinds, kind)
"""


def values(
    audit: Audit, model: Model, sae: Sae, latent: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Newest cases on which a latent fires, and how strongly, strongest first; items for an item dictionary."""
    if sae.entity_kinds == ("item",):
        found = audit.columns(
            "SELECT entity_id, value FROM activations WHERE sae_id = ? AND latent = ? AND entity_kind = 'item' "
            "ORDER BY value DESC, entity_id",
            [sae.sae_id, latent],
        )
    else:
        found = audit.columns(
            f"SELECT entity_id, value FROM ({_POOL}) WHERE latent = $latent ORDER BY value DESC, entity_id",
            {**_parameters(model, sae), "latent": latent},  # type: ignore[arg-type]
        )
    return found["entity_id"].astype(np.int64), found["value"].astype(np.float64)


def fired_together(audit: Audit, model: Model, sae: Sae, latent: int, limit: int) -> pd.DataFrame:
    """Latents that fire on the same newest cases: ``latent, together, jaccard, lift``, highest Jaccard first.

    ``lift`` is how much likelier the other fires where this one does.
    """
    if sae.entity_kinds == ("item",):
        pool = "SELECT latent, entity_id, value FROM activations WHERE sae_id = $sae AND entity_kind = 'item'"
        total = "SELECT count(*) FROM model_items WHERE model_id = $model"
    else:
        pool = _POOL
        total = "SELECT count(*) FROM cases WHERE model_id = $model AND list_contains($kinds, kind)"
    parameters = {**_parameters(model, sae), "latent": latent, "limit": limit}
    if "$kinds" not in pool:
        del parameters["kinds"]
    return audit.frame(
        f"""
        WITH pool AS ({pool}), own AS (SELECT entity_id FROM pool WHERE latent = $latent),
        counted AS (SELECT latent, count(*) AS n FROM pool GROUP BY latent),
        joint AS (
            SELECT pool.latent, count(*) AS together FROM pool JOIN own USING (entity_id)
            WHERE pool.latent <> $latent GROUP BY pool.latent
        )
        SELECT joint.latent, together, together / (n + (SELECT count(*) FROM own) - together) AS jaccard,
            together * ({total}) / (n * (SELECT count(*) FROM own)) AS lift
        FROM joint JOIN counted USING (latent) ORDER BY jaccard DESC, joint.latent LIMIT $limit
        """,
        parameters,  # type: ignore[arg-type]
    )


def owners(audit: Audit, model: Model, case_ids: list[int]) -> pd.DataFrame:
    """Whose cases they are and what is newest in them: ``case_id, user, newest`` (title of the last item)."""
    return audit.frame(
        "SELECT case_id, u.raw_id AS user, arg_max(coalesce(title, items.raw_id), i.position) AS newest "
        "FROM cases JOIN users u ON u.dataset_id = $dataset AND u.user_id = cases.user_id "
        "LEFT JOIN interactions i ON i.dataset_id = $dataset AND i.user_id = cases.user_id AND position < history_end "
        "LEFT JOIN items ON items.dataset_id = $dataset AND items.item_id = i.item_id "
        "WHERE cases.model_id = $model AND list_contains($cases, case_id) GROUP BY case_id, u.raw_id ORDER BY case_id",
        {"dataset": model.dataset_id, "model": model.model_id, "cases": case_ids},  # type: ignore[arg-type]
    )


def first_recommended(audit: Audit, model: Model, case_ids: list[int]) -> dict[int, str]:
    """Title of each case's first recommendation under the model's protocol, where lists are stored."""
    rows = audit.rows(
        "SELECT case_id, coalesce(title, raw_id) FROM recommendations r JOIN items i "
        "ON i.dataset_id = ? AND i.item_id = r.item_id WHERE r.model_id = ? AND sae_id IS NULL AND protocol = ? "
        "AND rank = 1 AND list_contains(?, case_id)",
        [model.dataset_id, model.model_id, model.protocol, case_ids],
    )
    return {int(case): str(title) for case, title in rows}


def scores(audit: Audit, sae: Sae, latent: int) -> pd.DataFrame:
    """What concept analyses say of it: ``rule, score, value, expected, z, q, concept``."""
    return audit.frame(
        "SELECT rule, score, value, expected, z, q, concept FROM latent_scores WHERE sae_id = ? AND latent = ? "
        "AND score NOT LIKE '%uncentred' ORDER BY rule, score",
        [sae.sae_id, latent],
    )


def names(audit: Audit, sae: Sae, latent: int) -> pd.DataFrame:
    """Its names: ``labeller, protocol, text, status, confidence, low, high, shuffled, q``, people's first."""
    return audit.frame(
        "SELECT labeller, protocol, text, status, confidence, low, high, shuffled, q FROM labels "
        "WHERE sae_id = ? AND latent = ? ORDER BY labeller <> 'person', labeller, protocol",
        [sae.sae_id, latent],
    )


def statistics(audit: Audit, sae: Sae, latent: int) -> dict[str, Any]:
    """Its row of ``latents``."""
    frame = audit.frame(
        "SELECT * EXCLUDE (sae_id) FROM latents WHERE sae_id = ? AND latent = ? AND entity_kind = ?",
        [sae.sae_id, latent, sae.entity_kinds[0]],
    )
    return {str(key): value for key, value in frame.to_dict("records")[0].items()}


def _parameters(model: Model, sae: Sae) -> dict[str, Any]:
    return {"sae": sae.sae_id, "model": model.model_id, "kinds": list(NEWEST_KINDS)}
