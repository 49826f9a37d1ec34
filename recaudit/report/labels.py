"""Sections of a report about names of latents: what counts beside its controls, and the names. Reads only."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

from recaudit.report.model import TableSection
from recaudit.store import Audit
from recaudit.store import labels as store
from recaudit.store.read import Model, Sae

ROWS = 30

_FIGURES = {
    "scored": ("labels.share@0.8", "n"),
    "confidence 1": ("labels.count@1.0", "value"),
    ">= .9": ("labels.count@0.9", "value"),
    ">= .8": ("labels.count@0.8", "value"),
    "share >= .8": ("labels.share@0.8", "value"),
    "low": ("labels.share@0.8", "low"),
    "high": ("labels.share@0.8", "high"),
    "verified": ("labels.verified", "value"),
    "recall": ("labels.recall", "value"),
    "specificity": ("labels.specificity", "value"),
    "hard": ("labels.specificity_hard", "value"),
}
"""Column to the metric and its part."""


def sections(audit: Audit, model: Model, sae: Sae) -> list[TableSection]:
    """Figures and names of every labeller and protocol stored for a dictionary; none where nothing is stored."""
    found = []
    for labeller, protocol in store.labellers(audit, sae):
        found += [_figures(audit, model, sae, labeller, protocol), _names(audit, sae, labeller, protocol)]
    return [section for section in found if section.rows]


def _figures(audit: Audit, model: Model, sae: Sae, labeller: str, protocol: str) -> TableSection:
    numbers = store.figures(audit, sae, labeller, protocol)
    rows: dict[str, dict[str, Any]] = {}
    for row in numbers.to_dict("records"):
        slice_ = json.loads(row["slice"])
        if "space" not in slice_:
            rows.setdefault(slice_.get("control", sae.name), {})[str(row["metric"])] = row
    shown = [
        [
            of,
            *(_plain(found[metric][part]) if metric in found else None for metric, part in _FIGURES.values()),
        ]
        for of, found in sorted(rows.items(), key=lambda pair: pair[0] != sae.name)
    ]
    return TableSection(
        name=f"label_figures:{labeller}:{protocol}",
        title=f"Names that hold, by {labeller}",
        caption=f"Protocol {protocol}. Each row is the same procedure: on the dictionary, on names dealt to other latents "
        "(shuffled), on an untrained SAE, on the model's neurons and principal axes, and for a guess by popularity. A "
        "share that does not stand above these rows says nothing about the dictionary.",
        columns=["names of", *_FIGURES],
        rows=shown,
        sql=f"SELECT * FROM metrics WHERE sae_id = {sae.sae_id} AND metric LIKE 'labels.%' AND model_id = "
        f"{model.model_id}",
        shown_of=len(shown),
    )


def _names(audit: Audit, sae: Sae, labeller: str, protocol: str) -> TableSection:
    table = store.names(audit, sae, labeller, protocol)
    named = table[table["name"].notna()]
    columns = [
        "latent",
        "name",
        "status",
        "confidence",
        "low",
        "high",
        "recall",
        "specificity",
        "specificity_hard",
    ]
    shown = named[[*columns, "shuffled", "popularity", "q"]].rename(columns={"specificity_hard": "hard"})
    unnamed = int((table["candidate"].notna() & table["name"].isna()).sum())
    return TableSection(
        name=f"labels:{labeller}:{protocol}",
        title=f"Names of latents, by {labeller}",
        caption="Confidence is on users the name was not made from, with its Wilson interval; shuffled: other latents' "
        f"names on the same trials; popularity: a guess by popularity alone. {unnamed} proposed names that do not beat "
        "other latents' names are not shown.",
        columns=[str(name) for name in shown.columns],
        rows=[[_plain(value) for value in row] for row in shown.head(ROWS).itertuples(index=False)],
        sql=f"SELECT * FROM labels WHERE sae_id = {sae.sae_id} ORDER BY confidence DESC",
        shown_of=len(shown),
    )


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return value
