"""From an analysed audit to a report. Reads only; imports no torch."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pandas as pd

from recaudit import __version__
from recaudit.analyses import attribution
from recaudit.analyses.protocol import protocol_named
from recaudit.report.model import SCHEMA_VERSION, FindingRow, MetricRow, Report, TableSection
from recaudit.store import Audit, read, views
from recaudit.store.read import Model, Sae

LATENTS_SHOWN = 8
ITEMS_PER_LATENT = 5
HISTORY_SHOWN = 10
_SAE_MISSING = "no sparse autoencoder: ingest the model again with --sae FILE"


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
        tables=_tables(audit, model, sae, rule),
        missing=_missing(numbers, sae),
    )


def _missing(numbers: pd.DataFrame, sae: Sae | None) -> dict[str, str]:
    missing = {}
    if not numbers["metric"].str.startswith("ranking.").any():
        missing["ranking"] = "nothing is held out: ingest with another --split, or data that has test rows"
    if sae is None:
        missing |= dict.fromkeys(("fidelity", "health", "latents"), _SAE_MISSING)
    return missing


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


def _tables(audit: Audit, model: Model, sae: Sae | None, rule: str) -> list[TableSection]:
    tables = [_ranking_table(audit, model)]
    if sae is not None:
        tables += [_latent_table(audit, model, sae, rule, by) for by in ("count", "strength", "lift")]
        user = _example_user(audit, model)
        if user is not None:
            tables += _user_tables(audit, model, sae, user)
        item = _example_item(audit, model)
        if item is not None:
            tables.append(_item_table(audit, model, sae, item, rule))
    return [table for table in tables if table.rows]


def _ranking_table(audit: Audit, model: Model) -> TableSection:
    sql = (
        f"SELECT user_id, count(*) AS test_rows FROM targets JOIN cases USING (model_id, case_id) "
        f"WHERE model_id = {model.model_id} AND split = 'test' GROUP BY ALL ORDER BY test_rows DESC"
    )
    rows = views.test_rows_by_user(audit, model)
    rows = rows if rows["rows"].max() > 1 else rows.head(0)  # one row each: nobody outweighs anybody
    return _table(
        "test_users",
        "Who the ranking figures rest on",
        "Users with most held-out test rows. A few heavy users can decide an average over rows.",
        rows.head(5),
        sql,
        len(rows),
    )


def _latent_table(audit: Audit, model: Model, sae: Sae, rule: str, by: str) -> TableSection:
    latents = attribution.strongest(audit, sae, LATENTS_SHOWN)
    items = attribution.items_of_latents(audit, model, sae, latents, rule=rule, by=by, limit=ITEMS_PER_LATENT)
    place = {latent: order for order, latent in enumerate(latents)}
    items = items.sort_values(
        ["latent", "rank"], key=lambda column: column.map(place) if column.name == "latent" else column
    )
    shown = items[["latent", "title", "item", "count", "users", "strength", "lift", "q"]].copy()
    shown["title"] = shown["title"].where(shown["title"].notna(), shown["item"])
    return _table(
        f"latent_items_by_{by}",
        f"Strongest latents, their items by {by}",
        f"An item belongs to a case as {attribution.RULES[rule]}; {by}: {attribution.ORDERS[by]}. "
        "Latents that fire for more than half of the users are left out.",
        shown,
        f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_kind = 'case'",
        len(shown),
    )


def _example_user(audit: Audit, model: Model) -> str | None:
    """The user of median history length: the first by id would be a whim, the heaviest an outlier."""
    rows = audit.rows(
        "SELECT raw_id FROM cases c JOIN users u ON u.dataset_id = ? AND u.user_id = c.user_id "
        "WHERE model_id = ? AND kind IN ('user', 'latest') ORDER BY history_end, c.user_id",
        [model.dataset_id, model.model_id],
    )
    return str(rows[len(rows) // 2][0]) if rows else None


def _user_tables(audit: Audit, model: Model, sae: Sae, user: str) -> list[TableSection]:
    case = views.newest_case(audit, model, read.user_index(audit, model, user))
    if case is None:
        return []
    history = views.case_history(audit, model, case, HISTORY_SHOWN)
    latents = views.case_latents(audit, sae, case)
    return [
        _table(
            "user_history",
            f"User {user}: history",
            "Newest first. A user of median history length; `recaudit latents --user ID` shows any other.",
            history,
            f"SELECT * FROM interactions WHERE dataset_id = {model.dataset_id} AND user_id = "
            f"{read.user_index(audit, model, user)} ORDER BY position DESC",
            len(history),
        ),
        _table(
            "user_latents",
            f"User {user}: active latents",
            "Contribution is value x decoder norm, comparable between latents; a density above .1 marks a "
            "latent that fires for many users.",
            latents,
            f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_id = {case} "
            "AND entity_kind = 'case'",
            len(latents),
        ),
    ]


def _example_item(audit: Audit, model: Model) -> str | None:
    """The item most often recommended first."""
    rows = audit.rows(
        "SELECT raw_id FROM recommendations r JOIN items i ON i.dataset_id = ? AND i.item_id = r.item_id "
        "WHERE model_id = ? AND sae_id IS NULL AND protocol = ? AND rank = 1 GROUP BY raw_id ORDER BY count(*) DESC, raw_id LIMIT 1",
        [model.dataset_id, model.model_id, model.protocol],
    )
    return str(rows[0][0]) if rows else None


def _item_table(audit: Audit, model: Model, sae: Sae, item: str, rule: str) -> TableSection:
    index = read.item_index(audit, model, item)
    found = attribution.latents_of_items(audit, model, sae, [index], rule=rule, by="strength")
    title = found["title"].iloc[0] if len(found) and found["title"].iloc[0] else item
    return _table(
        "item_latents",
        f"Item {title}: its latents",
        f"The item most often recommended first; it belongs to a case as {attribution.RULES[rule]}. "
        "Strength is the sum of the latent's values over those cases; lift corrects for latents that always fire.",
        found[["latent", "count", "users", "strength", "mean", "lift", "q"]],
        f"SELECT * FROM activations WHERE sae_id = {sae.sae_id} AND entity_kind = 'case'",
        len(found),
    )


def _table(name: str, title: str, caption: str, frame: pd.DataFrame, sql: str, shown_of: int) -> TableSection:
    rows = [[_plain(value) for value in row] for row in frame.itertuples(index=False)]
    return TableSection(name, title, caption, [str(c) for c in frame.columns], rows, sql, shown_of)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _plain(value) for key, value in row.items()} for row in frame.to_dict("records")]


def _plain(value: Any) -> Any:
    """JSON's own types: numpy scalars unwrapped, missing values as None."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value
