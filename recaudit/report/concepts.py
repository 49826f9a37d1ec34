"""Sections of a report about concepts: how much a dictionary covers beside its controls, what, and what not.

What latents' items share (genres, decades, likeness) is in ``profiles``.
"""

from __future__ import annotations

import pandas as pd

from recaudit.report import profiles
from recaudit.report.model import TableSection, section
from recaudit.store import Audit
from recaudit.store import concepts as store
from recaudit.store.read import Model, Sae, controls

ROWS = 30

_CAPTIONS = {
    "direct": "an item's score is the latent's direct effect on it",
    "item": "an item's score is its own code",
    "case": "groups of users, scored by their own codes",
}


def sections(audit: Audit, model: Model, sae: Sae) -> list[TableSection]:
    """Coverage beside controls, and each rule's concepts with their best latents; none where nothing is stored."""
    rules = store.rules(audit, sae)
    if not rules:
        return []
    return [
        _beside_controls(audit, model, sae),
        *(_covered(audit, sae, rule) for rule in rules),
        *profiles.sections(audit, model, sae),
    ]


def said_of(rule: str) -> str:
    """A rule in a few words, for a heading."""
    said = {"direct": "by effect on scores", "item": "by items' own codes", "case": "groups of users"}
    return said.get(rule, f"by what they fire for ({rule})")


def _beside_controls(audit: Audit, model: Model, sae: Sae) -> TableSection:
    dictionaries = [sae, *controls(audit, model.model_id, sae)]
    frame = pd.concat([_counts(audit, dictionary) for dictionary in dictionaries], ignore_index=True)
    ids = ", ".join(str(dictionary.sae_id) for dictionary in dictionaries)
    return section(
        "coverage_beside_controls",
        "Concepts covered, beside controls",
        "The best direction for a concept is picked on half of the items and scored on the other half. Every "
        "dictionary is held against as many random directions that fire as often: `gain` is its mean AUC over theirs. "
        "An untrained autoencoder should gain nothing. `covered` asks for more than popularity explains.",
        frame,
        f"SELECT * FROM concept_coverage WHERE sae_id IN ({ids})",
        len(frame),
    )


def _counts(audit: Audit, dictionary: Sae) -> pd.DataFrame:
    table = store.coverage(audit, dictionary)
    table = table[table["verdict"] != "too few"]
    if table.empty:
        return pd.DataFrame()
    counted = table.groupby(["rule", "kind"], sort=True).agg(
        concepts=("concept", "size"),
        covered=("verdict", lambda verdicts: int((verdicts == "covered").sum())),
        auc=("auc", "mean"),
        random=("random", "mean"),
    )
    counted["gain"] = counted["auc"] - counted["random"]
    return counted.reset_index().assign(
        dictionary=dictionary.name if dictionary.role == "sae" else dictionary.role
    )[["dictionary", "rule", "kind", "concepts", "covered", "auc", "random", "gain"]]


def _covered(audit: Audit, sae: Sae, rule: str) -> TableSection:
    table = store.coverage(audit, sae, rule=rule)
    table = table[table["verdict"] != "too few"].drop(columns="rule")
    said = _CAPTIONS.get(rule, f"an item's score is the mean code of the cases it goes with ({rule})")
    missing = table[table["verdict"] == "not covered"]["concept"].head(12).tolist()
    nothing = f" Nothing represents: {', '.join(missing)}." if missing else ""
    return section(
        f"coverage_{rule}",
        f"Concepts and their best latents, {rule}",
        f"Held-out AUC of the best latent with its interval; {said}. `within` compares only inside a tenth of "
        f"popularity; `random` is the best of as many random directions.{nothing}",
        table.head(ROWS),
        f"SELECT * FROM concept_coverage WHERE sae_id = {sae.sae_id} AND rule = '{rule}' ORDER BY auc DESC",
        len(table),
    )
