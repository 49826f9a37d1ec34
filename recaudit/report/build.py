"""From an analysed audit to a report. Reads only; imports no torch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd

from recaudit import __version__
from recaudit.analyses import attribution
from recaudit.analyses.protocol import protocol_named
from recaudit.report import sections
from recaudit.report.model import SCHEMA_VERSION, FindingRow, MetricRow, Report, plain
from recaudit.store import Audit, read, views
from recaudit.store.read import Model, Sae


def build(
    audit: Audit,
    name: str | None = None,
    *,
    protocol: str | None = None,
    rule: str = attribution.DEFAULT_RULE,
    sae_name: str | None = None,
) -> Report:
    """The report of one model under a protocol (its own unless named).

    Args:
        sae_name: the dictionary to report on; None for the newest autoencoder.
        rule: attribution rule of the latent and item views, see ``attribution.RULES``.
    """
    named = read.model_named(audit, name)
    chosen = protocol_named(protocol or named.protocol)
    model = replace(named, protocol=chosen.name)
    sae = read.find_sae(audit, model, sae_name)
    data = views.dataset(audit, model.dataset_id)
    numbers = views.metrics(audit, model, chosen.name, sae)
    tables, missing = sections.collect(sections.Context(audit, model, sae, rule))
    return Report(
        schema_version=SCHEMA_VERSION,
        tool_version=__version__,
        run_id=_run_id(audit, model, chosen.name),
        model=_model(audit, model),
        sae=_sae(sae),
        dataset={
            "name": data["name"],
            "layout": data["layout"],
            "summary": data["summary"],
            "split": json.loads(data["split"]),
            "notes": views.data_notes(audit, model.dataset_id)["message"].tolist(),
        },
        protocol={"name": chosen.name, "about": chosen.about},
        metrics=[_metric(row) for row in _records(numbers)],
        findings=[FindingRow(**row) for row in _records(views.findings(audit, model, sae))],
        tables=tables,
        missing=missing,
    )


def _run_id(audit: Audit, model: Model, protocol: str) -> str:
    found = audit.rows(
        "SELECT DISTINCT run_id FROM metrics WHERE model_id = ? AND protocol = ? ORDER BY run_id",
        [model.model_id, protocol],
    )
    return str(found[0][0]) if found else ""


def _model(audit: Audit, model: Model) -> dict[str, Any]:
    receipts = [
        {
            **{key: row[key] for key in ("role", "file", "format", "bytes", "sha256", "verdict")},
            "stubs": json.loads(row["stubs"]),
            "notes": json.loads(row["notes"]),
        }
        for row in _records(views.receipts(audit, model))
    ]
    counts = audit.rows(
        "SELECT count(*), count(DISTINCT user_id) FROM cases WHERE model_id = ?", [model.model_id]
    )[0]
    candidates = audit.rows("SELECT count(*) FROM model_items WHERE model_id = ?", [model.model_id])[0][0]
    return {
        "name": model.name,
        "tool": model.tool,
        "architecture": model.architecture,
        "family": model.family,
        "dim": model.dim,
        "site": model.site,
        "history_length": model.history_length,
        "settings": model.settings,
        "checkpoint": model.checkpoint,
        "sha256": model.sha256,
        "unused_tensors": model.unused,
        "cases": counts[0],
        "users": counts[1],
        "candidates": candidates,
        "receipts": receipts,
    }


def _sae(sae: Sae | None) -> dict[str, Any] | None:
    if sae is None:
        return None
    fields = (
        "name",
        "tool",
        "n_latents",
        "activation",
        "k",
        "k_source",
        "pre_bias",
        "encoder_bias",
        "tied",
    )
    described = {key: getattr(sae, key) for key in (*fields, "norm_in", "sha256")}
    return {**described, "self_check": sae.self_check}


def _metric(row: dict[str, Any]) -> MetricRow:
    return MetricRow(**{**row, "slice": json.loads(row["slice"])})


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): plain(value) for key, value in row.items()} for row in frame.to_dict("records")]
