"""From an analysed audit to a report. Reads only; imports no torch."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd

from recaudit import __version__
from recaudit.analyses import attribution
from recaudit.analyses.protocol import protocol_named
from recaudit.errors import UsageError
from recaudit.report import sections
from recaudit.report.context import Context
from recaudit.report.model import SCHEMA_VERSION, FindingRow, MetricRow, Report, plain
from recaudit.store import Audit, read, views
from recaudit.store.read import Model, Sae
from recaudit.text import printable


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
    about = context(audit, name, protocol=protocol, rule=rule, sae_name=sae_name)
    return of_chapters(about, sections.collect(about))


def context(
    audit: Audit,
    name: str | None = None,
    *,
    protocol: str | None = None,
    rule: str = attribution.DEFAULT_RULE,
    sae_name: str | None = None,
    beside: str | None = None,
) -> Context:
    """What a report is about. Arguments as of ``build``.

    Args:
        beside: another model of the audit to set beside it.

    Raises:
        UsageError: no such model, dictionary or protocol; a model beside itself.
    """
    named = read.model_named(audit, name)
    model = replace(named, protocol=protocol_named(protocol or named.protocol).name)
    other = None if beside is None else read.model_named(audit, beside)
    if other is not None and other.model_id == model.model_id:
        raise UsageError(
            f"{printable(model.name)} cannot stand beside itself", fix="name another model of the audit"
        )
    return Context(
        audit,
        model,
        read.find_sae(audit, model, sae_name),
        rule,
        None if other is None else (other, read.find_sae(audit, other)),
    )


def of_chapters(about: Context, chapters: list[sections.Chapter]) -> Report:
    """The report whose sections have been collected."""
    audit, model, sae = about.audit, about.model, about.sae
    chosen = protocol_named(model.protocol)
    data = views.dataset(audit, model.dataset_id)
    numbers = views.metrics(audit, model, chosen.name, sae)
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
        tables=[table for chapter in chapters for table in chapter.tables],
        missing=sections.missing(about, chapters),
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
