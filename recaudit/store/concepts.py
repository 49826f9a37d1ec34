"""Concepts and who has them, what entities a case stands for, and the tables of coverage: readers and writers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.store.audit import Audit
from recaudit.store.read import NEWEST_KINDS, Model, Sae
from recaudit.store.views import rule_sql

IntArray = NDArray[np.int64]

TABLES = ("latent_concepts", "concept_coverage", "latent_scores", "latent_decades")
"""What an analysis of concepts writes; every row names model, dictionary and rule."""


def attributed_pairs(audit: Audit, model: Model, rule: str) -> tuple[IntArray, IntArray]:
    """Case and dense item of every pair that an attribution rule makes, each pair once, in order of case."""
    pool, pairs = rule_sql(model, rule)
    found = audit.columns(
        f"WITH pool AS ({pool}), pairs AS ({pairs}) SELECT DISTINCT case_id, item_id FROM pairs "
        "JOIN pool USING (case_id) ORDER BY case_id, item_id",
        {  # type: ignore[arg-type]
            "model": model.model_id,
            **({"dataset": model.dataset_id} if "$dataset" in pairs else {}),
            **({"protocol": model.protocol} if "$protocol" in pairs else {}),
        },
    )
    return found["case_id"].astype(np.int64), found["item_id"].astype(np.int64)


def item_concepts(audit: Audit, dataset_id: int) -> tuple[pd.DataFrame, IntArray, IntArray]:
    """Concepts (``concept_id, kind, name``, in order of id), and the pairs of dense item and concept id."""
    concepts = audit.frame(
        "SELECT concept_id, kind, name FROM concepts WHERE dataset_id = ? ORDER BY concept_id", [dataset_id]
    )
    pairs = audit.columns(
        "SELECT DISTINCT item_id, concept_id FROM item_concepts WHERE dataset_id = ? ORDER BY ALL",
        [dataset_id],
    )
    return concepts, pairs["item_id"].astype(np.int64), pairs["concept_id"].astype(np.int64)


def newest_cases(audit: Audit, model: Model) -> pd.DataFrame:
    """The newest case of every user: ``case_id, user_id, history_end``, in order of case."""
    return audit.frame(
        "SELECT case_id, user_id, history_end FROM cases WHERE model_id = ? AND list_contains(?, kind) "
        "ORDER BY case_id",
        [model.model_id, list(NEWEST_KINDS)],
    )


def user_groups(audit: Audit, dataset_id: int) -> pd.DataFrame:
    """Which user is in which group: ``user_id, kind, name``."""
    return audit.frame(
        "SELECT DISTINCT user_id, attribute AS kind, value AS name FROM user_groups WHERE dataset_id = ? "
        "ORDER BY kind, name, user_id",
        [dataset_id],
    )


def titles(audit: Audit, dataset_id: int) -> list[str | None]:
    """Title of every item, by dense index."""
    rows = audit.rows("SELECT title FROM items WHERE dataset_id = ? ORDER BY item_id", [dataset_id])
    return [title for (title,) in rows]


def is_analysed(audit: Audit, sae: Sae) -> bool:
    """Whether the concepts of a dictionary have been looked at."""
    return bool(audit.rows("SELECT 1 FROM concept_coverage WHERE sae_id = ? LIMIT 1", [sae.sae_id]))


def replace(audit: Audit, model: Model, sae: Sae, rule: str, run_id: str, **tables: pd.DataFrame) -> None:
    """Store the rows of some of ``TABLES`` under a rule; what was there under it goes from all of them."""
    for table in TABLES:
        audit.connection.execute(f"DELETE FROM {table} WHERE sae_id = ? AND rule = ?", [sae.sae_id, rule])
    for table, frame in tables.items():
        if len(frame):
            whole = frame.assign(model_id=model.model_id, sae_id=sae.sae_id, rule=rule, run_id=run_id)
            audit.append(table, whole)


_VERDICT_ORDER = "list_position(['covered', 'popularity only', 'not covered', 'too few'], verdict)"


def coverage(
    audit: Audit,
    sae: Sae,
    *,
    rule: str | None = None,
    kind: str | None = None,
    verdicts: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Concepts of a dictionary with what covers them, by rule and kind, best covered first.

    Args:
        verdicts: only these; all by default.
    """
    return audit.frame(
        "SELECT rule, kind, name AS concept, n_with AS n, latent, auc, low, high, within_auc AS within, "
        "random_auc AS random, q, verdict FROM concept_coverage WHERE sae_id = $sae "
        "AND ($rule IS NULL OR rule = $rule) AND ($kind IS NULL OR kind = $kind) "
        "AND (len($verdicts) = 0 OR list_contains($verdicts, verdict)) "
        f"ORDER BY rule, kind, {_VERDICT_ORDER}, auc DESC NULLS LAST, name",
        {"sae": sae.sae_id, "rule": rule, "kind": kind, "verdicts": list(verdicts)},  # type: ignore[arg-type]
    )


def kinds(audit: Audit, sae: Sae) -> list[str]:
    """Kinds of concept that were looked at."""
    rows = audit.rows(
        "SELECT DISTINCT kind FROM concept_coverage WHERE sae_id = ? ORDER BY kind", [sae.sae_id]
    )
    return [kind for (kind,) in rows]


def rules(audit: Audit, sae: Sae) -> list[str]:
    """Rules under which a dictionary was looked at."""
    rows = audit.rows(
        "SELECT DISTINCT rule FROM concept_coverage WHERE sae_id = ? ORDER BY rule", [sae.sae_id]
    )
    return [rule for (rule,) in rows]


_PAIR = (
    "rule, kind, name AS concept, latent, n_with AS n, auc, ap, f1, precision, recall, "
    "CASE WHEN rule <> 'direct' THEN mean_with / nullif(mean_all, 0) END AS ratio, n_both AS strong, enrichment_q AS q"
)


def latents_of_concept(
    audit: Audit, sae: Sae, name: str, *, rule: str | None = None, kind: str | None = None
) -> pd.DataFrame:
    """Latents stored for a concept, best AUC first."""
    return audit.frame(
        f"SELECT {_PAIR} FROM latent_concepts WHERE sae_id = ? AND name = ? AND rule = coalesce(?, rule) "
        "AND kind = coalesce(?, kind) ORDER BY rule, kind, auc DESC, latent",
        [sae.sae_id, name, rule, kind],
    )


def concepts_of_latent(
    audit: Audit, sae: Sae, latent: int, *, rule: str | None = None, kind: str | None = None
) -> pd.DataFrame:
    """Concepts stored for a latent, most enriched first."""
    return audit.frame(
        f"SELECT {_PAIR} FROM latent_concepts WHERE sae_id = ? AND latent = ? AND rule = coalesce(?, rule) "
        "AND kind = coalesce(?, kind) ORDER BY rule, enrichment_q, auc DESC, kind, name",
        [sae.sae_id, latent, rule, kind],
    )


def scores_of_latents(audit: Audit, sae: Sae, rule: str, score: str) -> dict[str, NDArray[Any]]:
    """One score of every live latent: ``latent, value, expected, z, p, q, concept``, in order of latent."""
    return audit.columns(
        "SELECT latent, value, expected, z, p, q, concept FROM latent_scores WHERE sae_id = ? AND rule = ? "
        "AND score = ? ORDER BY latent",
        [sae.sae_id, rule, score],
    )


def scored_rules(audit: Audit, sae: Sae) -> list[str]:
    """Rules under which latents have scores and decades."""
    rows = audit.rows("SELECT DISTINCT rule FROM latent_scores WHERE sae_id = ? ORDER BY rule", [sae.sae_id])
    return [rule for (rule,) in rows]


def genre_means(audit: Audit, sae: Sae, rule: str, latent: int | None = None) -> pd.DataFrame:
    """Mean score of each latent in each genre: ``latent, genre, n, mean, overall, ratio, auc, q``.

    ``ratio`` is the mean over that of all items, ``q`` of the rank-sum test. Empty where the data has no genres.
    """
    return audit.frame(
        "SELECT latent, name AS genre, n_with AS n, mean_with AS mean, mean_all AS overall, "
        "mean_with / nullif(mean_all, 0) AS ratio, auc, rank_q AS q FROM latent_concepts WHERE sae_id = $sae "
        "AND rule = $rule AND kind IN ('genre', 'category') AND ($latent IS NULL OR latent = $latent) "
        "ORDER BY name, auc DESC, latent",
        {"sae": sae.sae_id, "rule": rule, "latent": latent},  # type: ignore[arg-type]
    )


def decades(audit: Audit, sae: Sae, rule: str, latent: int | None = None) -> pd.DataFrame:
    """Decades of the strongest items of each latent: ``latent, decade, n, share, catalogue, concentration, q``."""
    return audit.frame(
        "SELECT latent, decade, n, share, catalogue_share AS catalogue, s.value AS concentration, s.q "
        "FROM latent_decades d LEFT JOIN latent_scores s USING (sae_id, rule, latent) WHERE d.sae_id = $sae "
        "AND d.rule = $rule AND s.score = 'concentration' AND ($latent IS NULL OR latent = $latent) "
        "ORDER BY latent, decade",
        {"sae": sae.sae_id, "rule": rule, "latent": latent},  # type: ignore[arg-type]
    )


def monosemanticity(audit: Audit, model: Model, sae: Sae, rule: str) -> pd.DataFrame:
    """Summary of each variant of monosemanticity: ``variant, mean, low, high, chance, above, latents``."""
    return audit.frame(
        """
        SELECT coalesce(slice ->> '$.variant', 'ms-all-independent') AS variant,
            max(value) FILTER (metric = 'monosemanticity.mean') AS mean,
            max(low) FILTER (metric = 'monosemanticity.mean') AS low,
            max(high) FILTER (metric = 'monosemanticity.mean') AS high,
            max(value) FILTER (metric = 'monosemanticity.null') AS chance,
            max(value) FILTER (metric = 'monosemanticity.above_null') AS above,
            max(n) FILTER (metric = 'monosemanticity.mean') AS latents
        FROM metrics WHERE model_id = $model AND sae_id = $sae AND protocol = $protocol
            AND metric IN ('monosemanticity.mean', 'monosemanticity.null', 'monosemanticity.above_null')
            AND (slice ->> '$.control') IS NULL
        GROUP BY variant ORDER BY variant
        """,
        {"model": model.model_id, "sae": sae.sae_id, "protocol": f"concepts by {rule}"},  # type: ignore[arg-type]
    )
