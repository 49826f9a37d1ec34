"""What the audit of bias says, in sentences, each with the SQL that lists what it rests on."""

from __future__ import annotations

import json

import pandas as pd

from recaudit.analyses.bias.latents import ACTIVATION, EFFECT, PROFILE
from recaudit.store import Audit
from recaudit.store import popularity as store
from recaudit.store.read import Model, Sae
from recaudit.store.write import Finding
from recaudit.text import printable

CONCENTRATED = 0.9
"""Gini above which a tenth of the catalogue holds nearly everything."""


def about(audit: Audit, model: Model, sae: Sae | None) -> list[tuple[int | None, Finding]]:
    """Findings on a model's lists and groups, and on one dictionary."""
    numbers = store.numbers(audit, model, sae)
    where = f"SELECT metric, slice, value, low, high, n FROM metrics WHERE model_id = {model.model_id} AND metric "
    found: list[tuple[int | None, Finding]] = [
        (None, one) for one in (*_lists(numbers, where), *_gaps(numbers, where))
    ]
    if sae is not None:
        found += [(sae.sae_id, one) for one in _latents(numbers, sae)]
    return found


def _value(numbers: pd.DataFrame, metric: str, sae: str = "", **slice_: str) -> pd.Series | None:
    wanted = json.dumps(slice_, sort_keys=True)
    rows = numbers[(numbers["metric"] == metric) & (numbers["slice"] == wanted) & (numbers["sae"] == sae)]
    return None if rows.empty else rows.iloc[0]


def _interval(row: pd.Series, digits: int = 3) -> str:
    return f"{row['value']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def _lists(numbers: pd.DataFrame, where: str) -> list[Finding]:
    gini, covered, tail, lift = (
        _value(numbers, f"popularity.{name}@10", ranking="original")
        for name in ("gini", "coverage", "long_tail_share", "lift")
    )
    if gini is None or covered is None:
        return []
    said = f"Lists hold {covered['value']:.0%} of the catalogue, with a Gini of exposure of {_interval(gini)}"
    if tail is not None:
        said += f"; tail items hold {tail['value']:.1%} of places"
    if lift is not None:
        way = "more" if lift["value"] > 0 else "less"
        said += (
            f"; a user's list is {abs(lift['value']):.0%} {way} popular than the profile "
            f"[{lift['low']:+.0%}, {lift['high']:+.0%}]"
        )
    severity = "warning" if gini["value"] > CONCENTRATED else "info"
    return [
        Finding("popularity-lists", severity, said + ".", where + "LIKE 'popularity.%@10' AND sae_id IS NULL")
    ]


def _gaps(numbers: pd.DataFrame, where: str) -> list[Finding]:
    found = []
    for row in numbers[numbers["metric"] == "fairness.ndcg_gap@10"].to_dict("records"):
        attribute = json.loads(row["slice"])["attribute"]
        p = _value(numbers, "fairness.ndcg_gap_p@10", attribute=attribute)
        if p is None:
            continue
        real = p["value"] <= 0.05
        probe = _value(numbers, "fairness.probe_auc", attribute=attribute, features="vectors")
        said = (
            f"NDCG@10 differs by {row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}] between groups of "
            f"{printable(attribute)}, "
            + ("more" if real else "no more")
            + f" than groups drawn at random (p = {p['value']:.3f})"
        )
        if probe is not None:
            said += f"; a linear probe tells the group from the vector with AUC {_interval(probe, 2)}"
            activity = _value(numbers, "fairness.probe_auc", attribute=attribute, features="activity")
            if activity is not None:
                said += f", from the length of the profile alone with {activity['value']:.2f}"
        found.append(
            Finding(
                f"group-gap:{attribute}",
                "warning" if real else "info",
                said + ".",
                where + "LIKE 'fairness.%'",
            )
        )
    return found


def _latents(numbers: pd.DataFrame, sae: Sae) -> list[Finding]:
    slice_ = {"contrast": PROFILE, "part": ACTIVATION}
    own = _value(numbers, "popularity.latents", sae.role, **slice_)
    mass = _value(numbers, "popularity.latent_mass", sae.role, **slice_)
    if own is None or mass is None or sae.role != "sae":
        return []
    live = int(own["n"])
    said = (
        f"{int(own['value']):,} of {live:,} live latents go with the popularity of users' profiles (|Spearman| >= "
        f"{EFFECT['spearman']}, q <= .05) and carry {mass['value']:.0%} of all activation; firing for too few "
        f"users to be judged: {sae.n_latents - live:,}"
    )
    beside = []
    for role in ("untrained", "neurons", "pca"):
        control = _value(numbers, "popularity.latents", role, **slice_)
        if control is not None and control["n"]:
            beside.append(f"{role} {control['value'] / control['n']:.0%}")
    if beside:
        said += f". Share of live latents {own['value'] / max(live, 1):.0%}, of controls: {', '.join(beside)}"
    return [
        Finding(
            "popularity-latents",
            "info",
            said + ".",
            f"SELECT latent, value, low, high, q FROM latent_bias WHERE sae_id = {sae.sae_id} AND contrast = "
            f"'{PROFILE}' AND part = '{ACTIVATION}' AND q <= 0.05 ORDER BY abs(value) DESC",
        )
    ]
