"""Sections of a report about interventions: what was kept, searched, tuned and promoted. Reads only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from recaudit.interventions import file, words
from recaudit.report.model import TableSection, section
from recaudit.store import Audit, tunings
from recaudit.store import interventions as store
from recaudit.store.read import Model, Sae

ROWS = 40
_DIRECTIONS = ("concept vector", "mean difference")
_PRICES = {
    "ndcg@10": "ndcg",
    "arp@10": "arp",
    "gini@10": "gini",
    "coverage@10": "coverage",
    "long_tail_share@10": "tail",
    "overlap@10": "overlap",
}


def sections(audit: Audit, model: Model, sae: Sae | None) -> list[TableSection]:
    """Kept interventions, fronts, tunings, promotions; those of which nothing is stored left out."""
    made = [
        _kept(audit, model),
        _fronts(audit, model),
        _tunings(audit, model, sae),
        _promotions(audit, model, sae),
    ]
    return [table for table in made if table.rows]


def kept(audit: Audit, model: Model) -> pd.DataFrame:
    """One row a kept intervention: its edits in words, what lists became, and what is left of NDCG."""
    rows = []
    prices = store.prices(audit, model)
    for one in store.kept(audit, model):
        own = prices[(prices["name"] == one.name) & (prices["variant"] == "edit") & (prices["slice"] == "{}")]
        by = own.set_index("metric")
        edits = file.parsed(one.toml, Path(one.name)).edits
        row: dict[str, object] = {
            "name": one.name,
            "edits": "; ".join(words.sentence(edit) for edit in edits),
        }
        for metric, short in _PRICES.items():
            row[short] = by["after"].get(metric)
        if "ndcg@10" in by.index:
            row |= {
                "kept": by["ratio"]["ndcg@10"],
                "low": by["ratio_low"]["ndcg@10"],
                "high": by["ratio_high"]["ndcg@10"],
            }
        rows.append(row)
    return pd.DataFrame(rows)


def fronts(audit: Audit, model: Model, *, chosen: bool = False) -> pd.DataFrame:
    """One row a point of a search, on test users: the target's measure and what is left of NDCG.

    Args:
        chosen: only the best of each method.
    """
    frame = store.front(audit, model)
    frame = frame[frame["chosen"] | (not chosen)]
    if frame.empty:
        return pd.DataFrame()
    by = ["target", "method", "setting", "chosen"]
    test, everyone = frame[frame["users"] == "test"], frame[frame["users"] == "all"]
    value = test[test["metric"] != "ndcg kept"].set_index(by)
    left = test[test["metric"] == "ndcg kept"].set_index(by)
    wide = pd.DataFrame(
        {
            "measure": value["metric"], "before": value["before"], "after": value["after"],
            "low": value["before"] + value["low"], "high": value["before"] + value["high"],
            "kept": left["after"], "kept low": left["ratio_low"], "kept high": left["ratio_high"],
        }
    )  # fmt: skip
    for metric, short in (("long_tail_share@10", "tail"), ("arp@10", "arp"), ("overlap@10", "overlap")):
        wide[short] = everyone[everyone["metric"] == metric].set_index(by)["after"]
    found = wide.reset_index()
    found["setting"] = [
        ", ".join(f"{name} {value:g}" for name, value in json.loads(text).items())
        for text in found["setting"]
    ]
    return found


def tuning(audit: Audit, model: Model, sae: Sae | None = None) -> pd.DataFrame:
    """One row a concept and level: what coverage says of the concept, and the share of users with the concept in the list, where the level reaches.

    ``hit`` and ``items`` (per list) are of the model as it is; ``random`` and ``direction`` are what controls change the same share by; ``kept`` is NDCG@10 after over before.
    """
    frame = tunings.tunings(audit, model, sae)
    verdicts = {} if sae is None else store.coverage_verdicts(audit, sae)
    rows = []
    for (concept, latent, level), own in frame.groupby(["concept", "latent", "level"], sort=False):
        edit = own[own["variant"].isin(["edit", "filter"])]
        whom = "active" if (edit["users"] == "active").any() else "all"
        hit, items = (_figure(edit, metric, whom) for metric in ("hit@10", "items@10"))
        left = _figure(edit, "ndcg kept", "all")
        if hit is None or items is None:
            continue
        random = _figure(own[own["variant"] == "random latents"], "hit@10", whom)
        direction = _figure(own[own["variant"].isin(_DIRECTIONS)], "hit@10", whom)
        rows.append(
            {
                "concept": concept, "coverage": verdicts.get(concept, ""), "latent": latent, "level": level, "users": hit["n"],
                "hit": hit["before"], "tuned": hit["after"], "change": hit["change"], "low": hit["low"], "high": hit["high"],
                "items": items["before"], "tuned items": items["after"],
                "random": None if random is None else random["change"],
                "direction": None if direction is None else direction["change"],
                "kept": None if left is None else left["after"],
                "kept low": None if left is None else 1 + left["low"],
                "kept high": None if left is None else 1 + left["high"],
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def tuning_in_words(frame: pd.DataFrame) -> list[str]:
    """What the tuning table says, in one sentence a direction."""
    said = []
    edits = frame[frame["level"] != "filter"]
    for level, own in edits.groupby("level", sort=False):
        clear = own[(own["low"] > 0) | (own["high"] < 0)]
        beyond = own[own["change"].abs() > own["direction"].abs()]
        sentence = f"{level}: the share of users with the concept in their list changes clearly for {len(clear)} of {len(own)} concepts"
        if own["direction"].notna().any():
            sentence += (
                f"; for {len(beyond)} more than the same step along the concept's direction changes it"
            )
        said.append(sentence + ".")
    return said


def promotion(
    audit: Audit, model: Model, sae: Sae | None = None, *, items: Sequence[str] | None = None
) -> pd.DataFrame:
    """One row an item, audience and level: share of the audience with the item among their first ten, and how that changes.

    ``others`` is the change for everyone else; ``random`` and ``direction`` are controls' changes for the audience.

    Args:
        items: raw ids; all by default.
    """
    frame = tunings.promotions(audit, model, sae)
    if items is not None:
        frame = frame[frame["raw_id"].isin(list(items))]
    rows = []
    for (item, audience, level), own in frame.groupby(["item", "audience", "level"], sort=False):
        by = dict(iter(own.groupby("variant")))
        top = _figure(by["edit"], "top 10", "audience")
        wider = _figure(by["edit"], "promoted", "audience")
        if top is None or wider is None:
            continue
        beside = {
            "others": (by["edit"], "others"),
            "random": (by.get("random latents"), "audience"),
            "direction": (by.get("audience direction"), "audience"),
        }
        row = {
            "item": item, "audience": audience, "level": level, "users": top["n"], "top 10": top["before"],
            "change": top["change"], "low": top["low"], "high": top["high"], "promoted": wider["after"],
        }  # fmt: skip
        for name, (part, users) in beside.items():
            found = None if part is None else _figure(part, "top 10", users)
            row[name] = None if found is None else found["change"]
        rows.append(row)
    return pd.DataFrame(rows)


def _figure(frame: pd.DataFrame, metric: str, users: str) -> pd.Series | None:
    rows = frame[(frame["metric"] == metric) & (frame["users"] == users)]
    return None if rows.empty else rows.iloc[0]


def _kept(audit: Audit, model: Model) -> TableSection:
    frame = kept(audit, model)
    return section(
        "interventions",
        "Interventions kept",
        "What lists become under each intervention that was saved: means over everyone's list. `kept` is NDCG@10 after over "
        "before, with its interval.",
        frame.head(ROWS),
        f"SELECT * FROM intervention_prices WHERE model_id = {model.model_id} ORDER BY name, variant, metric, slice",
        len(frame),
    )


def _fronts(audit: Audit, model: Model) -> TableSection:
    frame = fronts(audit, model, chosen=True)
    return section(
        "fronts",
        "Searches against a bias",
        "The best of each method within the allowed loss, chosen on half of the users and measured on the other half; "
        "projection and re-ranking need no dictionary.",
        frame.drop(columns="chosen", errors="ignore").head(ROWS),
        f"SELECT * FROM fronts WHERE model_id = {model.model_id} AND chosen ORDER BY target, method, metric",
        len(frame),
    )


def _tunings(audit: Audit, model: Model, sae: Sae | None) -> TableSection:
    frame = tuning(audit, model, sae)
    return section(
        "tunings",
        "Concepts turned up and down",
        "Share of users with an item of the concept among their first ten, of the users for whom the concept's latent fires (all "
        "users for quantiles and `filter`). `random`: the same of other latents; `direction`: rows moved as far along the "
        "concept's direction, without a dictionary. `kept`: NDCG@10 after over before.",
        frame.head(2 * ROWS),
        f"SELECT * FROM tunings WHERE model_id = {model.model_id} ORDER BY concept, level, variant, users, metric",
        len(frame),
    )


def _promotions(audit: Audit, model: Model, sae: Sae | None) -> TableSection:
    frame = promotion(audit, model, sae)
    return section(
        "promotions",
        "Items brought to an audience",
        "Share of the audience with the item among their first ten, and how it changes with the item's latents set to a share of "
        "their highest activation of any item. `promoted`: ranked below 20 before and within 30 after. `others`: the change for everyone "
        "outside the audience; `random`: for the audience with other latents; `direction`: with the item moved as far towards the "
        "audience's mean vector, without a dictionary.",
        frame.head(2 * ROWS),
        f"SELECT * FROM promotions WHERE model_id = {model.model_id} ORDER BY item_id, audience, level, variant, users, metric",
        len(frame),
    )
