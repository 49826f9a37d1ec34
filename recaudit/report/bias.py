"""Sections of a report about popularity and groups. Reads only."""

from __future__ import annotations

import json

import pandas as pd

from recaudit.report.model import TableSection, section
from recaudit.store import Audit
from recaudit.store import popularity as store
from recaudit.store.read import Model, Sae

ROWS = 20


def sections(audit: Audit, model: Model, sae: Sae | None) -> list[TableSection]:
    """Lists, groups, exposure and latents; none where nothing is stored."""
    if not store.is_audited(audit, model):
        return []
    made = [_lists(audit, model, sae), _groups(audit, model, sae), _exposure(audit, model)]
    if sae is not None:
        made.append(_latents(audit, sae))
    return [one for one in made if one.rows]


def lists(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """One row a number about everyone's lists: ``measure, ranking, value, low, high, n``."""
    frame = _sliced(store.numbers(audit, model, sae))
    rows = frame[frame["metric"].str.endswith("@10") & frame["ranking"].notna() & frame["group"].isna()]
    shown = rows.assign(measure=rows["metric"].str.removeprefix("popularity."))
    return shown[["measure", "ranking", "value", "low", "high", "n"]]


def groups(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """One row a user group: what its lists and its ranking are like."""
    frame = _sliced(store.numbers(audit, model))
    rows = frame[frame["group"].notna() & (frame["ranking"].isna() | (frame["ranking"] == "original"))]
    names = {
        "fairness.ndcg@10": "ndcg",
        "popularity.arp@10": "arp",
        "popularity.lift@10": "lift",
        "popularity.long_tail_share@10": "tail",
        "popularity.gini_rarefied@10": "gini",
        "popularity.coverage_rarefied@10": "coverage",
        "popularity.miscalibration@10": "miscalibration",
    }
    rows = rows[rows["metric"].isin(list(names))]
    if rows.empty:
        return pd.DataFrame()
    wide = rows.pivot(index="group", columns="metric", values="value").rename(columns=names)
    users = rows[rows["metric"] == "popularity.arp@10"].set_index("group")["n"]
    wide.insert(0, "users", users)
    kept = [name for name in ("users", *names.values()) if name in wide]
    return wide[kept].reset_index().rename_axis(columns=None)


def attributes(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """One row an attribute: the gap in NDCG, and what a probe tells of it."""
    frame = _sliced(store.numbers(audit, model, sae))
    frame = frame[frame["attribute"].notna()]
    rows = []
    for attribute, own in frame.groupby("attribute", sort=True):
        row: dict[str, object] = {"attribute": attribute}
        for number in own.to_dict("records"):
            if number["metric"] == "fairness.ndcg_gap@10":
                row |= {"gap": number["value"], "low": number["low"], "high": number["high"]}
            elif number["metric"] == "fairness.ndcg_gap_p@10":
                row["p"] = number["value"]
            else:
                who = "" if number["sae"] in ("", "sae") else f" {number['sae']}"
                row[f"auc {number['features']}{who}"] = number["value"]
        rows.append(row)
    return pd.DataFrame(rows)


def latents(audit: Audit, sae: Sae, contrast: str | None = None, limit: int = ROWS) -> pd.DataFrame:
    """Strongest latents with names: of one contrast, or of each with popularity and the strongest of groups."""
    frame = store.latent_bias(audit, sae, contrast=contrast, part="activation")
    frame = frame[frame["statistic"].isin(["d", "spearman"]) & (frame["q"] <= 0.05)]
    if contrast is None:
        popular = frame[~frame["contrast"].str.contains("=")].groupby("contrast", sort=False).head(5)
        told = frame[frame["contrast"].str.contains("=")]
        told = told.sort_values("value", key=abs, ascending=False, kind="stable").head(10)
        frame = pd.concat([popular, told])
    names = store.latent_names(audit, sae)
    shown = frame.assign(name=[names.get(int(latent), "") for latent in frame["latent"]])
    columns = ["contrast", "latent", "name", "statistic", "value", "low", "high", "q", "n"]
    return shown[columns] if limit < 0 else shown[columns].head(limit)


def counts(audit: Audit, model: Model, sae: Sae) -> pd.DataFrame:
    """How many live latents go with popularity, by contrast, of the dictionary and of its controls."""
    frame = _sliced(store.numbers(audit, model, sae))
    frame = frame[frame["contrast"].notna()]
    rows = []
    for (contrast, part, role), own in frame.groupby(["contrast", "part", "sae"], sort=False):
        by = own.set_index("metric")["value"]
        live = int(own.loc[own["metric"] == "popularity.latents", "n"].iloc[0])
        count, mass = by["popularity.latents"], by.get("popularity.latent_mass")
        rows.append([contrast, part, role, int(count), live, count / max(live, 1), mass])
    return pd.DataFrame(rows, columns=["contrast", "part", "dictionary", "latents", "live", "share", "mass"])


def _sliced(frame: pd.DataFrame) -> pd.DataFrame:
    slices = [json.loads(text) for text in frame["slice"]]
    keys = ("ranking", "group", "attribute", "features", "contrast", "part")
    columns = {key: pd.Series([one.get(key) for one in slices], frame.index, dtype=object) for key in keys}
    return frame.assign(**columns)


def _lists(audit: Audit, model: Model, sae: Sae | None) -> TableSection:
    frame = lists(audit, model, sae)
    return section(
        name="popularity",
        title="Popularity and spread of lists",
        caption="First ten places of every user's list, of the model and of the dictionary's reconstruction. Tail and "
        "head hold 20 % of training interactions each. Names with `recbole`, `evidently` or `popsteer` are those "
        "tools' own definitions.",
        frame=frame,
        sql=_SQL.format(model.model_id, "popularity.%@10"),
        shown_of=len(frame),
    )


_SQL = "SELECT * FROM metrics WHERE model_id = {} AND metric LIKE '{}' ORDER BY metric, slice"


def _groups(audit: Audit, model: Model, sae: Sae | None) -> TableSection:
    frame = groups(audit, model, sae)
    return section(
        name="groups",
        title="User groups",
        caption="NDCG@10 and lists by group. Gini and coverage are taken at as many users as the smallest group has.",
        frame=frame.head(2 * ROWS),
        sql=f"SELECT * FROM metrics WHERE model_id = {model.model_id} AND slice ->> 'group' IS NOT NULL ORDER BY metric, slice",
        shown_of=len(frame),
    )


def _exposure(audit: Audit, model: Model) -> TableSection:
    frame = store.exposure(audit, model).drop(columns="group")
    frame = frame[frame["kind"].isin(["genre", "decade"])]
    return section(
        name="exposure",
        title="Exposure of concepts",
        caption="Share of list places, of the catalogue and of profiles; `ratio` is the first over the last. An item of "
        "several concepts is split evenly.",
        frame=frame.head(2 * ROWS),
        sql=f"SELECT * FROM exposure WHERE model_id = {model.model_id} AND attribute IS NULL ORDER BY share DESC",
        shown_of=len(frame),
    )


def _latents(audit: Audit, sae: Sae) -> TableSection:
    frame = latents(audit, sae, limit=-1)
    return section(
        name="bias_latents",
        title="Latents that go with popularity or a user group",
        caption="Live latents with q <= .05, strongest first. Spearman with popularity is given the length of the profile; "
        "d of a group is against everyone else of its attribute.",
        frame=frame.head(2 * ROWS),
        sql=f"SELECT * FROM latent_bias WHERE sae_id = {sae.sae_id} AND part = 'activation' ORDER BY abs(value) DESC",
        shown_of=len(frame),
    )
