"""Where blessed baselines and verdicts of gates are kept, and what lists the offenders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.read import Model, Sae


@dataclass(frozen=True)
class Blessed:
    """A row of ``baselines``."""

    name: str
    model: str
    sha256: str
    author: str
    reason: str
    blessed: datetime
    document: str


def baselines(audit: Audit) -> list[Blessed]:
    """All of them, by name."""
    rows = audit.rows(
        "SELECT name, model, sha256, author, reason, blessed, document FROM baselines ORDER BY name"
    )
    return [Blessed(*row) for row in rows]


def baseline_named(audit: Audit, name: str) -> Blessed | None:
    """The baseline of that name, if there is one."""
    return next((one for one in baselines(audit) if one.name == name), None)


def keep_baseline(audit: Audit, blessed: Blessed, run_id: str) -> None:
    """Store a baseline; the one of its name goes."""
    audit.connection.execute(
        "INSERT OR REPLACE INTO baselines VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            blessed.name,
            blessed.model,
            blessed.sha256,
            blessed.author,
            blessed.reason,
            blessed.blessed,
            blessed.document,
            run_id,
        ],
    )


_VERDICT_COLUMNS = (
    "policy", "place", "gate", "subject", "verdict", "threshold", "value", "baseline_value", "baseline", "judged",
    "low", "high", "n", "unit", "q", "tested", "said", "how", "why", "line", "evidence",
)  # fmt: skip


def replace_verdicts(
    audit: Audit, model: Model, policy: str, rows: Sequence[dict[str, Any]], run_id: str
) -> None:
    """Keep what a policy said of a model; what it said before goes."""
    audit.connection.execute(
        "DELETE FROM verdicts WHERE model_id = ? AND policy = ?", [model.model_id, policy]
    )
    marks = ", ".join("?" * (len(_VERDICT_COLUMNS) + 2))
    for place, row in enumerate(rows):
        values = {"policy": policy, "place": place, **row}
        audit.connection.execute(
            f"INSERT INTO verdicts VALUES ({marks})",
            [model.model_id, *(values[name] for name in _VERDICT_COLUMNS), run_id],
        )


def verdicts(audit: Audit, model: Model) -> pd.DataFrame:
    """Every kept verdict on a model, by policy and place."""
    return audit.frame(
        "SELECT * EXCLUDE (model_id) FROM verdicts WHERE model_id = ? ORDER BY policy, place",
        [model.model_id],
    )


def quoted(text: str) -> str:
    """A text as an SQL literal, for queries that people are shown."""
    return "'" + text.replace("'", "''") + "'"


def offenders(model: Model, sae: Sae | None, metric: str, slice_: str, protocol: str) -> str:
    """SQL that lists what is behind a number: the users ranked worst, the concepts missed, the dead latents, …"""
    own = "NULL" if sae is None else str(sae.sae_id)
    if metric.startswith(("ranking.", "fairness.ndcg")) or metric.startswith("fidelity.ndcg"):
        which = f"= {own}" if "reconstructed" in slice_ or metric.startswith("fidelity") else "IS NULL"
        return (
            "SELECT u.raw_id AS user, i.raw_id AS item, title, rank FROM target_ranks r "
            "JOIN targets t USING (model_id, target_id) JOIN cases c ON c.model_id = t.model_id AND c.case_id = t.case_id "
            f"JOIN users u ON u.dataset_id = {model.dataset_id} AND u.user_id = c.user_id "
            f"JOIN items i ON i.dataset_id = {model.dataset_id} AND i.item_id = t.item_id "
            f"WHERE r.model_id = {model.model_id} AND r.sae_id {which} AND r.protocol = {quoted(model.protocol)} "
            "ORDER BY rank DESC, u.raw_id"
        )
    if metric.startswith("coverage."):
        rule = protocol.removeprefix("concepts by ")
        return (
            "SELECT kind, name, latent, auc, low, high, random_auc, q, verdict FROM concept_coverage "
            f"WHERE sae_id = {own} AND rule = {quoted(rule)} AND verdict <> 'covered' ORDER BY auc, name"
        )
    if metric == "sae.dead_share":
        return f"SELECT latent FROM latents WHERE sae_id = {own} AND dead ORDER BY latent"
    if metric == "sae.rare_share":
        return f"SELECT latent, n_cases FROM latents WHERE sae_id = {own} ORDER BY n_cases, latent"
    if metric in {"sae.dense_share", "sae.l0"}:
        return (
            f"SELECT latent, density, n_users FROM latents WHERE sae_id = {own} ORDER BY density DESC, latent"
        )
    if metric == "sae.max_decoder_cosine":
        return f"SELECT latent, max_decoder_cosine FROM latents WHERE sae_id = {own} ORDER BY max_decoder_cosine DESC, latent"
    if metric in {"popularity.latents", "popularity.latent_mass"}:
        return (
            "SELECT latent, contrast, statistic, value, low, high, q FROM latent_bias "
            f"WHERE sae_id = {own} AND q <= .05 ORDER BY abs(value) DESC, latent"
        )
    if metric.startswith("popularity."):
        return (
            "SELECT i.raw_id AS item, title, train_count, count(*) AS places FROM recommendations r "
            f"JOIN items i ON i.dataset_id = {model.dataset_id} AND i.item_id = r.item_id "
            f"WHERE r.model_id = {model.model_id} AND r.sae_id IS NULL GROUP BY ALL ORDER BY places DESC, item"
        )
    if metric.startswith("labels."):
        return f"SELECT latent, text, status, confidence, q FROM labels WHERE sae_id = {own} AND status <> 'verified' ORDER BY latent"
    if metric.startswith("cav."):
        return (
            f"SELECT kind, name, auc, auc_low, q, stability, verdict FROM cavs JOIN concepts c USING (concept_id) "
            f"WHERE model_id = {model.model_id} AND c.dataset_id = {model.dataset_id} AND verdict <> 'present' ORDER BY auc"
        )
    if metric.startswith("steer."):
        return f"SELECT * FROM intervention_prices WHERE model_id = {model.model_id} AND variant = 'edit' ORDER BY ALL"
    return f"SELECT * FROM metrics WHERE model_id = {model.model_id} AND metric = {quoted(metric)} ORDER BY slice"
