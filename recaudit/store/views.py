"""Joins behind the views: a latent's items, an item's latents, a user's history and codes."""

from __future__ import annotations

from typing import Any

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.read import NEWEST_KINDS, Model, Sae, find_sae

EVALUATION_PROTOCOLS = ("history", "recsae", "recbole-seq")
"""Names of ``analyses.protocol.PROTOCOLS``: of a number or finding under another one a report has no use."""

ATTRIBUTION = {
    "recommended": "the model's first recommendation for the case",
    "recommended10": "the model's first ten recommendations",
    "history": "the items of the history that the model read",
    "last": "the newest item of the history",
    "target": "the held-out test item",
}
"""Rule to meaning: the items a case stands for."""

_NEWEST = "SELECT case_id, user_id, kind, history_end FROM cases WHERE model_id = $model AND kind IN ('user', 'latest')"
_TESTED = "SELECT case_id, user_id, kind, history_end FROM cases WHERE model_id = $model AND kind IN ('user', 'profile', 'test')"
_LISTS = """
    SELECT case_id, item_id FROM recommendations
    WHERE model_id = $model AND sae_id IS NULL AND protocol = $protocol AND rank <= {depth}
"""
_PAST = """
    SELECT DISTINCT case_id, item_id FROM pool JOIN interactions i
    ON i.dataset_id = $dataset AND i.user_id = pool.user_id AND i.position < history_end
    AND CASE WHEN kind IN ('user', 'profile') THEN split <> 'test' ELSE i.position >= history_end - {length} END
"""
_TARGETS = """
    SELECT DISTINCT case_id, item_id FROM targets WHERE model_id = $model AND split = 'test'
    AND case_id IN (SELECT case_id FROM pool)
"""


def rule_sql(model: Model, rule: str) -> tuple[str, str]:
    """SQL of the case pool and of the (case, item) pairs of a rule."""
    if rule == "target":
        return _TESTED, _TARGETS
    if rule in {"history", "last"}:
        length = 1 if rule == "last" else model.history_length or 1
        return _NEWEST, _PAST.format(length=length)
    return _NEWEST, _LISTS.format(depth=1 if rule == "recommended" else 10)


def latent_item_pairs(
    audit: Audit,
    model: Model,
    sae: Sae,
    rule: str,
    *,
    latents: list[int] | None = None,
    items: list[int] | None = None,
) -> pd.DataFrame:
    """Every (latent, item) pair that occurs together, with the counts a test of association needs.

    Returns:
        Columns ``latent, item_id, item, title, count, users, strength, mean, n_item, n_latent, n``; the n's
        count cases that have an attributed item at all.
    """
    pool, pairs = rule_sql(model, rule)
    return audit.frame(
        f"""
        WITH pool AS ({pool}), pairs AS ({pairs}),
        attributed AS (SELECT DISTINCT case_id, user_id FROM pairs JOIN pool USING (case_id)),
        fired AS (
            SELECT latent, case_id, user_id, value FROM activations JOIN attributed ON case_id = entity_id
            WHERE sae_id = $sae AND entity_kind = 'case' AND ($latents IS NULL OR list_contains($latents, latent))
        ),
        by_latent AS (SELECT latent, count(*) AS n_latent FROM fired GROUP BY latent),
        by_item AS (SELECT item_id, count(*) AS n_item FROM pairs GROUP BY item_id),
        joint AS (
            SELECT latent, item_id, count(*) AS count, count(DISTINCT user_id) AS users,
                sum(value::DOUBLE) AS strength, avg(value::DOUBLE) AS mean
            FROM fired JOIN pairs USING (case_id)
            WHERE $items IS NULL OR list_contains($items, item_id)
            GROUP BY latent, item_id
        )
        SELECT joint.*, n_item, n_latent, (SELECT count(*) FROM attributed) AS n, raw_id AS item, title
        FROM joint JOIN by_latent USING (latent) JOIN by_item USING (item_id)
        JOIN items ON items.dataset_id = $dataset AND items.item_id = joint.item_id
        ORDER BY latent, joint.item_id
        """,
        {  # type: ignore[arg-type]
            "model": model.model_id,
            "dataset": model.dataset_id,
            "sae": sae.sae_id,
            "latents": latents,
            "items": items,
            **({"protocol": model.protocol} if "$protocol" in pairs else {}),
        },
    )


def newest_case(audit: Audit, model: Model, user: int) -> int | None:
    """The case that holds everything known about a user."""
    return _first(
        audit,
        "SELECT case_id FROM cases WHERE model_id = ? AND user_id = ? AND list_contains(?, kind)",
        [model.model_id, user, list(NEWEST_KINDS)],
    )


def test_case(audit: Audit, model: Model, user: int) -> int | None:
    """The case before a user's last held-out test item; for user-level models the user's only case."""
    return _first(
        audit,
        "SELECT case_id FROM cases WHERE model_id = ? AND user_id = ? AND kind IN ('user', 'profile', 'test') "
        "ORDER BY history_end DESC, case_id DESC",
        [model.model_id, user],
    )


def conditions(audit: Audit, model: Model) -> list[str]:
    """Names of the conditions that the model's cases carry."""
    rows = audit.rows(
        "SELECT condition FROM cases WHERE model_id = ? AND condition IS NOT NULL GROUP BY condition "
        "ORDER BY min(case_id)",
        [model.model_id],
    )
    return [str(row[0]) for row in rows]


def conditioned_case(audit: Audit, model: Model, user: int, condition: str) -> int | None:
    """The user's profile under a condition."""
    return _first(
        audit,
        "SELECT case_id FROM cases WHERE model_id = ? AND user_id = ? AND condition = ?",
        [model.model_id, user, condition],
    )


def _first(audit: Audit, sql: str, parameters: list[Any]) -> int | None:
    found = audit.rows(sql + " LIMIT 1", parameters)
    return int(found[0][0]) if found else None


def case_history(audit: Audit, model: Model, case_id: int, limit: int) -> pd.DataFrame:
    """The newest ``limit`` items of a case's history: ``position, item, title, rating, split``, newest first."""
    return audit.frame(
        "SELECT position, raw_id AS item, title, rating, split FROM cases "
        "JOIN interactions i ON i.dataset_id = ? AND i.user_id = cases.user_id AND position < history_end "
        "JOIN items ON items.dataset_id = i.dataset_id AND items.item_id = i.item_id "
        "WHERE model_id = ? AND case_id = ? ORDER BY position DESC LIMIT ?",
        [model.dataset_id, model.model_id, case_id, limit],
    )


def case_latents(audit: Audit, sae: Sae, case_id: int) -> pd.DataFrame:
    """Latents that fire on a case: ``latent, value, contribution, density``, strongest first.

    ``contribution`` is value x decoder norm, comparable between latents.
    """
    return audit.frame(
        "SELECT latent, value, value * decoder_norm AS contribution, density FROM activations "
        "JOIN latents USING (sae_id, latent, entity_kind) WHERE sae_id = ? AND entity_kind = 'case' AND entity_id = ? "
        "ORDER BY contribution DESC, latent",
        [sae.sae_id, case_id],
    )


LATENT_ORDERS = {
    "contribution": "total * decoder_norm",
    "density": "density",
    "users": "n_users",
    "max": "max_value",
    "latent": "-l.latent",
    "monosemanticity": "monosemanticity",
    "confidence": "confidence",
}
"""Sort name to expression; larger first, missing last."""

_NAMED = """
    SELECT latent, arg_min(text, order_) AS name, arg_min(confidence, order_) AS confidence FROM (
        SELECT latent, text, confidence, CASE status WHEN 'by hand' THEN 0 WHEN 'verified' THEN 1 END AS order_
        FROM labels WHERE sae_id = $sae AND protocol <> 'recsae'
    ) WHERE order_ IS NOT NULL GROUP BY latent
"""
"""A latent's name: by hand, else one that was verified."""
_ALIKE = """
    SELECT latent, max(value) AS monosemanticity FROM latent_scores
    WHERE sae_id = $sae AND score = 'ms-all-independent' GROUP BY latent
"""


def latent_list(audit: Audit, sae: Sae, order: str, limit: int | None) -> pd.DataFrame:
    """Latents with their statistics and names, live ones only, sorted by a ``LATENT_ORDERS`` name."""
    cut = "" if limit is None else f" LIMIT {int(limit)}"
    return audit.frame(
        "SELECT l.latent, name, density, n_cases AS cases, n_users AS users, max_value AS max, mean_value AS mean, "
        "total * decoder_norm AS contribution, max_decoder_cosine, monosemanticity, confidence FROM latents l "
        f"LEFT JOIN ({_NAMED}) n USING (latent) LEFT JOIN ({_ALIKE}) a USING (latent) "
        "WHERE sae_id = $sae AND entity_kind = $kind AND n_cases > 0 "
        f"ORDER BY {LATENT_ORDERS[order]} DESC NULLS LAST, l.latent{cut}",
        {"sae": sae.sae_id, "kind": sae.entity_kinds[0]},  # type: ignore[arg-type]
    )


def receipts(audit: Audit, model: Model) -> pd.DataFrame:
    """What the safety scan found in the model's input files."""
    return audit.frame(
        "SELECT role, file, format, bytes, sha256, verdict, stubs, notes FROM receipts WHERE model_id = ? "
        "ORDER BY role, file",
        [model.model_id],
    )


def data_notes(audit: Audit, dataset_id: int) -> pd.DataFrame:
    """What the data reader dropped or doubts."""
    return audit.frame(
        "SELECT level, message, count, file, line FROM data_notes WHERE dataset_id = ? AND level <> 'info' "
        "ORDER BY level, message",
        [dataset_id],
    )


def metrics(audit: Audit, model: Model, protocol: str, sae: Sae | None = None) -> pd.DataFrame:
    """The numbers of the model and of one dictionary (its newest autoencoder unless named) under a protocol,
    and those that are of no evaluation (health, concepts)."""
    chosen = sae or find_sae(audit, model)
    return audit.frame(
        "SELECT metric, slice, value, low, high, n, unit, better, m.protocol, seed, s.name AS sae "
        "FROM metrics m LEFT JOIN saes s USING (sae_id) WHERE m.model_id = ? "
        "AND (sae_id IS NULL OR sae_id = ?) "
        "AND (m.protocol = ? OR NOT list_contains(?, m.protocol)) ORDER BY metric, slice",
        [model.model_id, chosen.sae_id if chosen else None, protocol, list(EVALUATION_PROTOCOLS)],
    )


def findings(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """Findings on the model and one dictionary, as in ``metrics``, under its protocol or of no evaluation at all
    (concept vectors, conditions); serious ones first."""
    chosen = sae or find_sae(audit, model)
    return audit.frame(
        "SELECT severity, code, sentence, evidence FROM findings WHERE model_id = ? "
        "AND (protocol = ? OR NOT list_contains(?, protocol)) AND (sae_id IS NULL OR sae_id = ?) "
        "ORDER BY CASE severity WHEN 'serious' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, code",
        [model.model_id, model.protocol, list(EVALUATION_PROTOCOLS), chosen.sae_id if chosen else None],
    )


def dataset(audit: Audit, dataset_id: int) -> dict[str, Any]:
    """The row of ``datasets``."""
    (row,) = audit.frame("SELECT * FROM datasets WHERE dataset_id = ?", [dataset_id]).to_dict("records")
    return {str(key): value for key, value in row.items()}


def test_rows_by_user(audit: Audit, model: Model) -> pd.DataFrame:
    """Held-out test rows of each user, most first: ``user, rows``."""
    return audit.frame(
        "SELECT raw_id AS user, count(*) AS rows FROM targets t JOIN cases c USING (model_id, case_id) "
        "JOIN users u ON u.dataset_id = ? AND u.user_id = c.user_id WHERE t.model_id = ? AND split = 'test' "
        "GROUP BY raw_id ORDER BY rows DESC, user",
        [model.dataset_id, model.model_id],
    )
