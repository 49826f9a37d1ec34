"""A diff as JSON: every number, concept, pair and finding, nothing cut."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from recaudit import __version__
from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.metrics import MetricChange
from recaudit.analyses.diff.outcome import Subject

SCHEMA_VERSION = 1


def render(diff: Diff) -> str:
    """Indented JSON, keys in a fixed order, ending in a newline."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "tool_version": __version__,
        "nothing_changed": diff.nothing_changed,
        "a": _subject(diff.a),
        "b": _subject(diff.b),
        "protocol": diff.protocol,
        "about": diff.about,
        "paired": diff.paired,
        "same_held_out": diff.same_held_out,
        "same_people": diff.same_people,
        "seed": diff.seed,
        "findings": [asdict(one) for one in diff.findings],
        "metrics": [_metric(one) for one in diff.metrics],
        "concepts": [asdict(one) for one in diff.concepts],
        "lists": None if diff.lists is None else asdict(diff.lists),
        "latents": None if diff.latents is None else asdict(diff.latents),
        "missing": dict(diff.missing),
    }
    return json.dumps(_plain(body), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _subject(one: Subject) -> dict[str, Any]:
    model, sae = one.model, one.sae
    return {
        "label": one.label,
        "file": one.file,
        "model": model.name,
        "tool": model.tool,
        "architecture": model.architecture,
        "sha256": model.sha256,
        "dictionary": None
        if sae is None
        else {"name": sae.name, "sha256": sae.sha256, "n_latents": sae.n_latents},
    }


def _metric(one: MetricChange) -> dict[str, Any]:
    return {
        "metric": one.a.metric,
        "slice": dict(one.a.slice),
        "protocol": one.a.protocol,
        "a": one.a.value,
        "b": one.b.value,
        "change": one.change.value,
        "low": one.change.low,
        "high": one.change.high,
        "q": one.q,
        "direction": one.direction,
        "better": one.a.better,
        "n": one.change.n,
        "basis": one.change.basis,
        "how": one.change.how,
    }


def _plain(value: Any) -> Any:
    """JSON's own types: what is no number is null."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
