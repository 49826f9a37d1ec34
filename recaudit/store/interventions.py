"""Interventions kept in an audit file, their prices, searches, and what selections of latents ask for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.errors import UsageError
from recaudit.store.audit import Audit
from recaudit.store.labels import BY_HAND
from recaudit.store.read import Model, Sae
from recaudit.text import printable

_SIGNIFICANT = 0.05
_FEW = 20
"""Users below whom a latent stands for nothing that could be steered."""
_RULES = ("recommended10", "direct")
"""Attribution rules whose coverage a selection by concept trusts, the first there is."""


@dataclass(frozen=True)
class Kept:
    """A row of ``interventions``."""

    name: str
    sae_id: int | None
    toml: str
    sha256: str
    run_id: str


def kept(audit: Audit, model: Model) -> list[Kept]:
    """The interventions kept for a model, by name."""
    rows = audit.rows(
        "SELECT name, sae_id, toml, sha256, run_id FROM interventions WHERE model_id = ? ORDER BY name",
        [model.model_id],
    )
    return [Kept(*row) for row in rows]


def kept_named(audit: Audit, model: Model, name: str) -> Kept:
    """Raises:
    UsageError: none of that name; lists what there is.
    """
    known = kept(audit, model)
    for one in known:
        if one.name == name:
            return one
    raise UsageError(
        f"model {printable(model.name)} has no intervention named {printable(name)}",
        fix=f"name one of: {', '.join(printable(one.name, 40) for one in known)}"
        if known
        else "keep one with `recaudit steer MODEL --edit ... --save NAME`",
    )


def replace(
    audit: Audit,
    model: Model,
    sae: Sae | None,
    name: str,
    toml: str,
    protocol: str,
    prices: Iterable[Mapping[str, Any]],
    run_id: str,
) -> None:
    """Keep an intervention and its prices under a protocol; what was there under its name goes."""
    for table in ("interventions", "intervention_prices"):
        audit.connection.execute(
            f"DELETE FROM {table} WHERE model_id = ? AND name = ?", [model.model_id, name]
        )
    audit.connection.execute(
        "DELETE FROM metrics WHERE model_id = ? AND metric LIKE 'steer.%' AND slice ->> 'intervention' = ?",
        [model.model_id, name],
    )
    sha256 = hashlib.sha256(toml.encode()).hexdigest()
    sae_id = None if sae is None else sae.sae_id
    audit.connection.execute(
        "INSERT INTO interventions BY NAME SELECT $model AS model_id, $sae AS sae_id, $name AS name, $toml AS toml, "
        "$sha AS sha256, $run AS run_id",
        {"model": model.model_id, "sae": sae_id, "name": name, "toml": toml, "sha": sha256, "run": run_id},
    )
    frame = pd.DataFrame(list(prices))
    if len(frame):
        audit.append(
            "intervention_prices",
            frame.assign(model_id=model.model_id, name=name, protocol=protocol, run_id=run_id),
        )


def prices(audit: Audit, model: Model, name: str | None = None) -> pd.DataFrame:
    """Numbers of one intervention, or of all: the edit's own first, then its controls."""
    return audit.frame(
        "SELECT name, variant, metric, slice, before, after, change, low, high, ratio, ratio_low, ratio_high, better, n, "
        "draws, protocol FROM intervention_prices WHERE model_id = ? AND name = coalesce(?, name) "
        "ORDER BY name, variant <> 'edit', variant, metric, slice",
        [model.model_id, name],
    )


def replace_front(
    audit: Audit, model: Model, sae: Sae | None, target: str, points: Iterable[Mapping[str, Any]], run_id: str
) -> None:
    """Keep the points of a search; those of an earlier search for the same target go."""
    audit.connection.execute("DELETE FROM fronts WHERE model_id = ? AND target = ?", [model.model_id, target])
    frame = pd.DataFrame(list(points))
    if len(frame):
        sae_id = None if sae is None else sae.sae_id
        added = frame.assign(model_id=model.model_id, target=target, run_id=run_id)
        added["sae_id"] = pd.array([sae_id] * len(added), dtype="Int32")
        audit.append("fronts", added)


def front(audit: Audit, model: Model, target: str | None = None) -> pd.DataFrame:
    """Points of a search, or of all."""
    return audit.frame(
        "SELECT target, method, setting, users, chosen, metric, slice, before, after, change, low, high, ratio, ratio_low, "
        "ratio_high, better, n, protocol FROM fronts WHERE model_id = ? AND target = coalesce(?, target) "
        "ORDER BY target, users, method, setting, metric, slice",
        [model.model_id, target],
    )


def coverage_verdicts(audit: Audit, sae: Sae) -> dict[str, str]:
    """Whether a dictionary covers each concept (``kind:name``), under the rule that selections trust."""
    rows = audit.rows(
        "SELECT kind || ':' || name, verdict FROM concept_coverage WHERE sae_id = ? AND rule = ?",
        [sae.sae_id, _trusted_rule(audit, sae)],
    )
    return dict(rows)


def latents_of_concept(audit: Audit, sae: Sae, name: str) -> list[int]:
    """Latents enriched for a concept (``Horror`` or ``genre:Horror``), best AUC first; those that fire for hardly anyone last:
    what they single out is a user or two, and turning them reaches nobody else."""
    rows = audit.rows(
        "SELECT latent FROM latent_concepts c JOIN latents l USING (sae_id, latent) WHERE sae_id = $sae AND rule = $rule "
        "AND enrichment_q <= $q AND auc > .5 AND (name = $name OR kind || ':' || name = $name) "
        "GROUP BY latent ORDER BY max(n_users) < $few, max(auc) DESC, latent",
        {"sae": sae.sae_id, "rule": _trusted_rule(audit, sae), "q": _SIGNIFICANT, "name": name, "few": _FEW},  # type: ignore[arg-type]
    )
    return [int(latent) for (latent,) in rows]


def _trusted_rule(audit: Audit, sae: Sae) -> str | None:
    rules = {
        rule
        for (rule,) in audit.rows("SELECT DISTINCT rule FROM latent_concepts WHERE sae_id = ?", [sae.sae_id])
    }
    return next((rule for rule in _RULES if rule in rules), min(rules, default=None))


def latents_of_popularity(audit: Audit, sae: Sae, *, up: bool) -> list[int]:
    """Latents that go with the popularity of what users had, or of items; strongest first.

    Args:
        up: with it; else against it.
    """
    rows = audit.rows(
        "SELECT latent FROM latent_bias WHERE sae_id = ? AND list_contains(['profile popularity', 'item popularity'], "
        "contrast) AND part = 'activation' AND statistic = 'spearman' AND q <= ? AND (value > 0) = ? "
        "GROUP BY latent ORDER BY max(abs(value)) DESC, latent",
        [sae.sae_id, _SIGNIFICANT, up],
    )
    return [int(latent) for (latent,) in rows]


def latents_of_group(audit: Audit, sae: Sae, group: str) -> list[int]:
    """Latents whose activation differs between a group (``gender=F``) and everyone else, strongest first."""
    rows = audit.rows(
        "SELECT latent FROM latent_bias WHERE sae_id = ? AND contrast = ? AND part = 'activation' AND statistic = 'd' "
        "AND q <= ? ORDER BY abs(value) DESC, latent",
        [sae.sae_id, group, _SIGNIFICANT],
    )
    return [int(latent) for (latent,) in rows]


def latents_named(audit: Audit, sae: Sae, text: str) -> list[int]:
    """Latents whose name, a person's or a verified one, holds a text; letter case is ignored."""
    rows = audit.rows(
        "SELECT DISTINCT latent FROM labels WHERE sae_id = ? AND (labeller = ? OR status = 'verified') "
        "AND contains(lower(text), lower(?)) ORDER BY latent",
        [sae.sae_id, BY_HAND, text],
    )
    return [int(latent) for (latent,) in rows]


def slice_text(slice_: Mapping[str, str]) -> str:
    """A slice as it is stored."""
    return json.dumps(dict(slice_), sort_keys=True, ensure_ascii=False)


def cav_direction(audit: Audit, model: Model, concept: str) -> NDArray[np.float64] | None:
    """A concept's stored activation vector [dim], present or not; None where there is none."""
    rows = audit.rows(
        "SELECT direction FROM cavs v JOIN concepts c ON c.concept_id = v.concept_id AND c.dataset_id = $dataset "
        "WHERE model_id = $model AND against_id IS NULL AND direction IS NOT NULL "
        "AND (name = $name OR kind || ':' || name = $name) ORDER BY verdict <> 'present', cav_id LIMIT 1",
        {"model": model.model_id, "dataset": model.dataset_id, "name": concept},  # type: ignore[arg-type]
    )
    return np.array(rows[0][0], dtype=np.float64) if rows else None
