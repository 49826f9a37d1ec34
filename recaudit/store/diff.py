"""What a comparison of two models reads of either."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.store.audit import Audit
from recaudit.store.read import NEWEST_KINDS, Model, Sae
from recaudit.store.views import EVALUATION_PROTOCOLS

IntArray = NDArray[np.int64]
HashArray = NDArray[np.uint64]

CONCEPT_RULES = ("recommended10", "direct", "item")
"""Attribution rules by which concepts of two models are compared: the first that both have."""


def numbers(audit: Audit, model: Model, sae: Sae | None) -> pd.DataFrame:
    """The numbers of a model and one dictionary under the model's protocol or of no evaluation."""
    return audit.frame(
        "SELECT metric, slice, protocol, value, low, high, n, unit, better FROM metrics WHERE model_id = ? "
        "AND (sae_id IS NULL OR sae_id = ?) AND (protocol = ? OR NOT list_contains(?, protocol)) "
        "ORDER BY metric, slice, protocol, sae_id NULLS FIRST",
        [
            model.model_id,
            None if sae is None else sae.sae_id,
            model.protocol,
            list(EVALUATION_PROTOCOLS),
        ],
    )


def user_hashes(audit: Audit, dataset_id: int) -> HashArray:
    """[dense user] lower half of the MD5 of each raw id: users of two audit files are matched by it."""
    found = audit.columns(
        "SELECT md5_number_lower(raw_id) AS hash FROM users WHERE dataset_id = ? ORDER BY user_id",
        [dataset_id],
    )
    return found["hash"].astype(np.uint64)


def target_ranks(audit: Audit, model: Model, sae: Sae | None) -> tuple[IntArray, IntArray]:
    """User and rank of every held-out test target under the model's protocol.

    Args:
        sae: the dictionary whose reconstruction was ranked; None for the model as it is.
    """
    found = audit.columns(
        "SELECT user_id, rank FROM target_ranks r JOIN targets t USING (model_id, target_id) "
        "JOIN cases c ON c.model_id = t.model_id AND c.case_id = t.case_id WHERE r.model_id = ? "
        "AND protocol = ? AND r.sae_id IS NOT DISTINCT FROM ? AND split = 'test' ORDER BY target_id",
        [model.model_id, model.protocol, None if sae is None else sae.sae_id],
    )
    return found["user_id"].astype(np.int64), found["rank"].astype(np.int64)


def targets_digest(audit: Audit, model: Model) -> str:
    """Tells apart what was held out: of the raw ids of every test interaction, in any order."""
    rows = audit.rows(
        "SELECT md5(coalesce(string_agg(u.raw_id || chr(0) || i.raw_id, chr(1) ORDER BY u.raw_id, i.raw_id), '')) "
        "FROM targets t JOIN cases c USING (model_id, case_id) "
        "JOIN users u ON u.dataset_id = $dataset AND u.user_id = c.user_id "
        "JOIN items i ON i.dataset_id = $dataset AND i.item_id = t.item_id "
        "WHERE t.model_id = $model AND split = 'test'",
        {"dataset": model.dataset_id, "model": model.model_id},  # type: ignore[arg-type]
    )
    return str(rows[0][0])


def list_places(audit: Audit, model: Model, sae: Sae | None) -> tuple[IntArray, IntArray]:
    """User and item of every place of the stored lists under the model's protocol, by user and rank."""
    found = audit.columns(
        "SELECT user_id, item_id FROM recommendations r JOIN cases c USING (model_id, case_id) "
        "WHERE model_id = ? AND protocol = ? AND r.sae_id IS NOT DISTINCT FROM ? AND list_contains(?, kind) "
        "ORDER BY user_id, rank",
        [model.model_id, model.protocol, None if sae is None else sae.sae_id, list(NEWEST_KINDS)],
    )
    return found["user_id"].astype(np.int64), found["item_id"].astype(np.int64)


def user_groups(audit: Audit, dataset_id: int) -> pd.DataFrame:
    """``user_id, attribute, value``."""
    return audit.frame(
        "SELECT user_id, attribute, value FROM user_groups WHERE dataset_id = ? ORDER BY attribute, value, user_id",
        [dataset_id],
    )


def covered_concepts(audit: Audit, model: Model, sae: Sae | None) -> pd.DataFrame:
    """``source, kind, name, held, auc, low, high`` of the concepts that were tested: by coverage, then by CAV."""
    return audit.frame(
        "SELECT 'coverage by ' || rule AS source, kind, name, verdict = 'covered' AS held, auc, low, high "
        "FROM concept_coverage WHERE sae_id = $sae AND entity_kind <> 'user' AND verdict <> 'too few' UNION ALL "
        "SELECT variant, kind, name, verdict = 'present', auc, auc_low, auc_high FROM cavs JOIN concepts c "
        "ON c.concept_id = cavs.concept_id AND c.dataset_id = $dataset WHERE model_id = $model "
        "AND against_id IS NULL AND verdict <> 'insufficient' ORDER BY source, kind, name",
        {  # type: ignore[arg-type]
            "sae": None if sae is None else sae.sae_id,
            "model": model.model_id,
            "dataset": model.dataset_id,
        },
    )


def intervention_hashes(audit: Audit, model: Model) -> dict[str, str]:
    """Name to sha256 of each intervention kept for a model."""
    rows = audit.rows(
        "SELECT name, sha256 FROM interventions WHERE model_id = ? ORDER BY name", [model.model_id]
    )
    return {str(name): str(sha256) for name, sha256 in rows}


def candidate_items(audit: Audit, model: Model) -> pd.DataFrame:
    """``item_id, hash`` of the items that a model can recommend, by item; hashes as ``user_hashes``."""
    return audit.frame(
        "SELECT item_id, md5_number_lower(raw_id) AS hash FROM model_items JOIN items i USING (item_id) "
        "WHERE model_id = ? AND i.dataset_id = ? ORDER BY item_id",
        [model.model_id, model.dataset_id],
    )


def item_hashes(audit: Audit, dataset_id: int) -> HashArray:
    """[dense item] as ``user_hashes``."""
    found = audit.columns(
        "SELECT md5_number_lower(raw_id) AS hash FROM items WHERE dataset_id = ? ORDER BY item_id",
        [dataset_id],
    )
    return found["hash"].astype(np.uint64)


def concept_latents(audit: Audit, sae: Sae) -> pd.DataFrame:
    """``rule, kind, name, latent, pick_share`` of the concepts that were tested."""
    return audit.frame(
        "SELECT rule, kind, name, latent, pick_share FROM concept_coverage WHERE sae_id = ? "
        "AND verdict <> 'too few' ORDER BY rule, kind, name",
        [sae.sae_id],
    )


def raw_users(audit: Audit, dataset_id: int, users: IntArray) -> list[str]:
    """Raw ids of some dense users, in their order."""
    rows = audit.rows(
        "SELECT user_id, raw_id FROM users WHERE dataset_id = ? AND list_contains(?, user_id)",
        [dataset_id, [int(user) for user in users]],
    )
    names = dict(rows)
    return [str(names[int(user)]) for user in users]


def histories(audit: Audit, dataset_id: int, users: HashArray) -> dict[int, set[int]]:
    """Items of some users by hash: user's hash to hashes of every item they interacted with."""
    rows = audit.rows(
        "SELECT md5_number_lower(u.raw_id), list(DISTINCT md5_number_lower(i.raw_id)) FROM interactions "
        "JOIN users u USING (dataset_id, user_id) JOIN items i USING (dataset_id, item_id) "
        "WHERE dataset_id = ? AND list_contains(?, md5_number_lower(u.raw_id)) GROUP BY 1",
        [dataset_id, [int(user) for user in users]],
    )
    return {int(user): {int(item) for item in items} for user, items in rows}
