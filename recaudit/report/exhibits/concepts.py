"""Concepts and the latents that stand for them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from recaudit.report import charts, concepts, layout
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection, plain, section
from recaudit.store import concepts as store
from recaudit.store import gallery
from recaudit.store.read import Sae

CONCEPTS = 25
"""Concepts of a kind in a chart; the table behind it has ``TABLE`` of a rule, the audit file all."""
TABLE = 150
MAPPED = 24
"""Rows of the map of concepts by latents."""
GENRES = 30
"""Columns of the chart of genre profiles: those that some latent prefers most."""
_ROLES = {"covered": "s1", "popularity only": "s2", "not covered": "s3"}


def draw(context: Context) -> list[Exhibit]:
    """Under each rule: every concept's best latent beside chance, and the map of concepts by latents; then controls."""
    sae = context.sae
    if sae is None:
        return []
    found = []
    for rule in store.rules(context.audit, sae):
        found += _coverage(context, sae, rule)
    tables = {table.name: table for table in concepts.sections(context.audit, context.model, sae)}
    if "coverage_beside_controls" in tables:
        found.append(_beside_controls(tables["coverage_beside_controls"]))
    found += [
        _profiles(table)
        for name, table in tables.items()
        if name.startswith("genre_profiles_") and len(table.rows) > 1
    ]
    found += [_alike(table) for name, table in tables.items() if name.startswith("monosemanticity_")]
    return found


def _coverage(context: Context, sae: Sae, rule: str) -> list[Exhibit]:
    frame = store.coverage(context.audit, sae, rule=rule)
    judged = frame[frame["verdict"] != "too few"].drop(columns="rule")
    if judged.empty:
        return []
    few = len(frame) - len(judged)
    table = section(
        f"coverage_{rule}",
        f"Concepts and their best latents, {concepts.said_of(rule)}",
        "Held-out AUC of the best latent for each concept, with its interval; .5 is a coin. Blue is covered: better than "
        "the best of as many random directions (grey tick) and more than popularity explains; amber is what popularity "
        f"explains; red is not covered. {_lacking(judged)}{f' {few} concepts have too few items to judge.' if few else ''}",
        judged.head(TABLE),
        f"SELECT * FROM concept_coverage WHERE sae_id = {sae.sae_id} AND rule = '{rule}' ORDER BY auc DESC",
        len(judged),
    )
    drawn = judged.sort_values(["kind", "auc"], ascending=[True, False], kind="stable")
    drawn = drawn.groupby("kind", sort=True).head(CONCEPTS)
    points = [
        charts.Row(
            str(row["concept"]),
            row["auc"],
            plain(row["low"]),
            plain(row["high"]),
            f"{row['concept']}: AUC {layout.estimate(row['auc'], row['low'], row['high'])}, latent {row['latent']}, "
            f"{row['verdict']}; best random direction {layout.short(row['random'])}; n = {row['n']:,} items",
            str(row["verdict"]),
            plain(row["random"]),
            str(row["kind"]),
        )
        for row in drawn.to_dict("records")
    ]
    roles = {verdict: role for verdict, role in _ROLES.items() if (drawn["verdict"] == verdict).any()}
    chart = charts.forest(
        points,
        x_title="held-out AUC of the best latent",
        series=roles,
        control="best of as many random directions",
        reference=0.5,
    )
    return [Exhibit(table, chart), *_map(context, sae, rule, judged)]


def _lacking(judged: pd.DataFrame) -> str:
    missing = judged.loc[judged["verdict"] == "not covered", "concept"].tolist()
    if not missing:
        return "No concept is without a latent."
    more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
    return f"Nothing represents: {', '.join(map(str, missing[:12]))}{more}."


def _map(context: Context, sae: Sae, rule: str, judged: pd.DataFrame) -> list[Exhibit]:
    """AUC of each concept's best latent for every other concept shown."""
    best = judged.sort_values("auc", ascending=False, kind="stable").head(MAPPED)
    best = best.sort_values(["kind", "auc"], ascending=[True, False], kind="stable")
    latents = list(dict.fromkeys(int(latent) for latent in best["latent"]))
    pairs = gallery.pairs(context.audit, sae, rule, latents)
    if pairs.empty or len(best) < 3:
        return []
    wide = pairs.pivot_table(index=["kind", "concept"], columns="latent", values="auc", aggfunc="first")
    names = [(str(row["kind"]), str(row["concept"])) for row in best.to_dict("records")]
    known = [name for name in names if name in wide.index]
    wide = wide.reindex(index=known, columns=latents)
    rows = [
        [name, *(layout.short(None if math.isnan(auc) else auc) for auc in line)]
        for (_, name), line in zip(known, wide.to_numpy(dtype=float), strict=True)
    ]
    table = TableSection(
        f"map_{rule}",
        f"Map of concepts and latents, {concepts.said_of(rule)}",
        "Rows are the best covered concepts, columns their best latents in the same order: a clean diagonal means one "
        "latent a concept. Blue off the diagonal is a latent that serves several; red is a latent that fires less on the "
        "concept than elsewhere. AUC on all items.",
        ["concept", *(str(latent) for latent in latents)],
        rows,
        f"SELECT kind, name, latent, auc FROM latent_concepts WHERE sae_id = {sae.sae_id} AND rule = '{rule}' "
        f"AND latent IN ({', '.join(map(str, latents))})",
        len(rows),
    )
    cells = [
        charts.Cell(name, str(latent), 2 * (auc - 0.5), f"{name}, latent {latent}: AUC {layout.short(auc)}")
        for (_, name), line in zip(known, wide.to_numpy(dtype=float), strict=True)
        for latent, auc in zip(latents, line, strict=True)
        if not math.isnan(auc)
    ]
    chart = charts.heat(
        cells, [name for _, name in known], [str(latent) for latent in latents], column_title="latent"
    )
    return [Exhibit(table, chart)]


def _beside_controls(table: TableSection) -> Exhibit:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    points = [
        charts.Row(
            str(row["dictionary"]),
            row["auc"],
            None,
            None,
            f"{row['dictionary']}: mean AUC {layout.short(row['auc'])}, random directions {layout.short(row['random'])}, "
            f"{row['covered']} of {row['concepts']} covered",
            "",
            row["random"],
            f"{row['kind']}, {concepts.said_of(str(row['rule']))}",
        )
        for row in sorted(rows, key=lambda row: (str(row["rule"]), str(row["kind"])))
    ]
    chart = charts.forest(
        points,
        x_title="mean held-out AUC of best latents",
        control="as many random directions",
        reference=0.5,
    )
    return Exhibit(table, chart)


def _profiles(table: TableSection) -> Exhibit:
    """Genre profiles as ratios; twice as strong is as far from 1 as half as strong."""
    highest = {
        genre: max((row[place] or 0.0) for row in table.rows)
        for place, genre in enumerate(table.columns[1:], 1)
    }
    kept = set(sorted(highest, key=lambda genre: (-highest[genre], genre))[:GENRES])
    genres = [genre for genre in table.columns[1:] if genre in kept]
    cells = [
        charts.Cell(
            str(row[0]), genre, _doublings(ratio), f"Latent {row[0]}, {genre}: {ratio:.2f} x its mean"
        )
        for row in table.rows
        for genre, ratio in zip(table.columns[1:], row[1:], strict=True)
        if ratio is not None and genre in kept
    ]
    chart = charts.heat(cells, [str(row[0]) for row in table.rows], genres, row_title="latent")
    return Exhibit(table, chart)


def _doublings(ratio: float) -> float:
    """log2 of a ratio, a quarter for each doubling, within ±1."""
    return float(np.clip(math.log2(max(ratio, 1e-9)) / 4, -1, 1))


def _alike(table: TableSection) -> Exhibit:
    rows: list[dict[str, Any]] = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    points = [
        charts.Row(
            str(row["dictionary"]),
            row["mean"],
            row["low"],
            row["high"],
            f"{row['dictionary']}: {layout.number(row['mean'])} [{layout.number(row['low'])}, {layout.number(row['high'])}]; "
            f"chance {layout.number(row['chance'])}",
            "",
            row["chance"],
            str(row["variant"]),
        )
        for row in rows
        if row["mean"] is not None
    ]
    return Exhibit(table, charts.forest(points, x_title="mean cosine of a latent's items", control="chance"))
