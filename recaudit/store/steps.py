"""What declared audits ask: which run made what is stored, and what it was declared with.

A step of `recaudit run` writes what it was declared with into its row of ``runs``, under ``declared`` of the
arguments, in the same transaction as everything else it stores: a kill leaves both or neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recaudit.store.audit import Audit
from recaudit.store.read import Model, Sae

DECLARED = "declared"


@dataclass(frozen=True)
class DeclaredRun:
    """A row of ``runs`` that a declared step wrote."""

    run_id: str
    declared: Mapping[str, Any]
    tool_version: str
    began: datetime
    """When it began to write; everything it builds on was stored before."""


def newest(audit: Audit, model: str, step: str, about: str) -> DeclaredRun | None:
    """The newest run of a declared step about a model, or None."""
    rows = audit.rows(
        "SELECT run_id, arguments, tool_version, finished FROM runs "
        "WHERE json_extract_string(arguments, '$.declared.model') = ? "
        "AND json_extract_string(arguments, '$.declared.step') = ? "
        "AND json_extract_string(arguments, '$.declared.about') = ? ORDER BY finished DESC LIMIT 1",
        [model, step, about],
    )
    return _run(rows[0]) if rows else None


def runs(audit: Audit, run_ids: Iterable[str]) -> list[DeclaredRun]:
    """These runs; ``declared`` is empty for those that no declared step wrote."""
    found = audit.rows(
        "SELECT run_id, arguments, tool_version, finished FROM runs WHERE list_contains(?, run_id) ORDER BY run_id",
        [list(run_ids)],
    )
    return [_run(row) for row in found]


def _run(row: tuple[Any, ...]) -> DeclaredRun:
    run_id, arguments, version, finished = row
    return DeclaredRun(str(run_id), json.loads(arguments).get(DECLARED, {}), str(version), finished)


def made_model(audit: Audit, model: Model) -> frozenset[str]:
    """The run that ingested a model."""
    return _ids(audit, "SELECT run_id FROM models WHERE model_id = ?", [model.model_id])


def made_sae(audit: Audit, sae: Sae) -> frozenset[str]:
    """The run that stored a dictionary."""
    return _ids(audit, "SELECT run_id FROM saes WHERE sae_id = ?", [sae.sae_id])


def made_metrics(audit: Audit, model: Model, sae: Sae | None, protocol: str) -> frozenset[str]:
    """Runs that made the numbers of a model as it is, or of a dictionary, under a protocol; not those on bias or steering."""
    return _ids(
        audit,
        "SELECT DISTINCT run_id FROM metrics WHERE model_id = ? AND sae_id IS NOT DISTINCT FROM ? AND protocol = ? "
        "AND NOT regexp_matches(metric, '^(popularity|fairness|steer)\\.')",
        [model.model_id, None if sae is None else sae.sae_id, protocol],
    )


def made_concepts(audit: Audit, sae: Sae) -> frozenset[str]:
    """Runs that looked at what a dictionary's latents stand for."""
    return _ids(
        audit,
        "SELECT run_id FROM concept_coverage WHERE sae_id = $1 UNION SELECT run_id FROM metrics "
        "WHERE sae_id = $1 AND starts_with(protocol, 'concepts by ')",
        [sae.sae_id],
    )


def made_cavs(audit: Audit, model: Model, variant: str, against: tuple[int, int] | None) -> frozenset[str]:
    """Runs that made the CAVs of a variant: those of single concepts, or those of a pair."""
    pair = [None, None] if against is None else list(against)
    return _ids(
        audit,
        "SELECT DISTINCT run_id FROM cavs WHERE model_id = $1 AND variant = $2 "
        "AND against_id IS NOT DISTINCT FROM $4 AND concept_id = coalesce($3, concept_id)",
        [model.model_id, variant, *pair],
    )


def made_bias(audit: Audit, model: Model, sae: Sae | None) -> frozenset[str]:
    """Runs that audited the lists of a model, and the latents of a dictionary, for bias."""
    return _ids(
        audit,
        "SELECT run_id FROM metrics WHERE model_id = $1 AND sae_id IS NULL AND starts_with(metric, 'popularity.') "
        "AND $2 IS NULL UNION SELECT run_id FROM latent_bias WHERE sae_id = $2",
        [model.model_id, None if sae is None else sae.sae_id],
    )


def made_tunings(audit: Audit, sae: Sae) -> frozenset[str]:
    """Runs that tuned concepts by a dictionary's latents."""
    return _ids(audit, "SELECT DISTINCT run_id FROM tunings WHERE sae_id = ?", [sae.sae_id])


def made_promotions(
    audit: Audit, model: Model, sae: Sae, items: Iterable[str], audience: str
) -> frozenset[str]:
    """Runs that promoted items to an audience by a dictionary's latents."""
    return _ids(
        audit,
        "SELECT DISTINCT run_id FROM promotions p JOIN items i ON i.dataset_id = ? AND i.item_id = p.item_id "
        "WHERE sae_id = ? AND audience = ? AND list_contains(?, raw_id)",
        [model.dataset_id, sae.sae_id, audience, list(items)],
    )


def made_intervention(audit: Audit, model: Model, name: str) -> frozenset[str]:
    """The run that kept an intervention of that name."""
    return _ids(
        audit, "SELECT run_id FROM interventions WHERE model_id = ? AND name = ?", [model.model_id, name]
    )


def made_search(audit: Audit, model: Model, target: str, name: str) -> frozenset[str]:
    """Runs that kept a search for a target, and the intervention it is to be called by; a concept may lack its kind."""
    return made_intervention(audit, model, name) | _ids(
        audit,
        "SELECT DISTINCT run_id FROM fronts WHERE model_id = $1 AND (target = $2 OR starts_with($2, 'concept:') "
        "AND starts_with(target, 'concept:') AND ends_with(target, ':' || substr($2, 9)))",
        [model.model_id, target],
    )


def made_labels(audit: Audit, sae: Sae, labeller: str, protocol: str) -> frozenset[str]:
    """Runs that made a labeller's names of a dictionary's latents."""
    return _ids(
        audit,
        "SELECT DISTINCT run_id FROM labels WHERE sae_id = ? AND labeller = ? AND protocol = ?",
        [sae.sae_id, labeller, protocol],
    )


def work_of_people(audit: Audit, model: Model, sae: Sae | None = None) -> int:
    """Names given and ratings made by hand that would go with a model, or with one of its dictionaries."""
    counts = [
        audit.rows(
            f"SELECT count(*) FROM {table} WHERE model_id = $1 AND sae_id = coalesce($2, sae_id)",
            [model.model_id, None if sae is None else sae.sae_id],
        )[0][0]
        for table in ("label_history", "label_ratings")
    ]
    return int(sum(counts))


def _ids(audit: Audit, sql: str, parameters: list[Any]) -> frozenset[str]:
    return frozenset(str(run_id) for (run_id,) in audit.rows(sql, parameters))
