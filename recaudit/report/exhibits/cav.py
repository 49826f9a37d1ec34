"""Concept vectors: how well items are told apart, ratings against sensitivity, angles and a map."""

from __future__ import annotations

import math

import pandas as pd

from recaudit.report import cav, charts, layout
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection, plain, section
from recaudit.store import cav as store
from recaudit.store import cav_plots as plots

CONCEPTS = 25
"""Concepts of a kind in a chart."""
PANELS = 12
"""Scatters."""
LEAST_USERS = 12
"""Below, a scatter says nothing."""
_ROLES = {"present": "s1", "unstable": "s2", "not present": "s3"}


def draw(context: Context) -> list[Exhibit]:
    """Of the first stored variant everything; of others how well items are told apart."""
    variants = store.variants(context.audit, context.model.model_id)
    tables = {table.name: table for table in cav.sections(context.audit, context.model)}
    found = [
        _told_apart(context, tables[f"cavs:{variant}"], variant)
        for variant in variants
        if f"cavs:{variant}" in tables
    ]
    for variant in variants[:1]:
        found += _alignment(context, variant)
        for kind in plots.kinds(context.audit, context.model, variant):
            found += [*_map(context, variant, kind), *_angles(context, variant, kind)]
    return found


def lacks(context: Context) -> str | None:
    """Alignment with ratings, where vectors are stored and no user's ratings beside them."""
    variants = store.variants(context.audit, context.model.model_id)
    if not variants or len(_aligned(context, variants[0])):
        return None
    return (
        "alignment with ratings: the audit's data has no ratings; name data that has them with "
        "`recaudit cav --ratings PATH`"
    )


def _aligned(context: Context, variant: str) -> pd.DataFrame:
    frame = plots.alignments(context.audit, context.model, variant)
    return frame[frame["centred"].notna()]


def _told_apart(context: Context, table: TableSection, variant: str) -> Exhibit:
    frame = store.table(context.audit, context.model, variant)
    frame = frame[frame["auc"].notna()].groupby("kind", sort=True).head(CONCEPTS)
    points = [
        charts.Row(
            str(row["concept"]),
            row["auc"],
            plain(row["auc_low"]),
            plain(row["auc_high"]),
            f"{row['concept']}: AUC {layout.estimate(row['auc'], row['auc_low'], row['auc_high'])}, {row['verdict']}, "
            f"{row['n']:,} items",
            str(row["verdict"]),
            panel=str(row["kind"]),
        )
        for row in frame.to_dict("records")
    ]
    seen = set(frame["verdict"])
    roles = {verdict: role for verdict, role in _ROLES.items() if verdict in seen}
    roles |= dict.fromkeys(sorted(seen - set(roles)), "grey")
    return Exhibit(table, charts.forest(points, x_title="held-out AUC", series=roles, reference=0.5))


def _alignment(context: Context, variant: str) -> list[Exhibit]:
    frame = _aligned(context, variant)
    if frame.empty:
        return []
    columns = ["kind", "concept", "ratings", "n", "share", "share_low", "share_high", "centred", "centred_low", "centred_high",
               "adjusted", "smallest"]  # fmt: skip
    shown = frame[columns].rename(
        columns={
            "share": "history", "share_low": "history_low", "share_high": "history_high",
            "centred": "rating", "centred_low": "rating_low", "centred_high": "rating_high",
        }
    )  # fmt: skip
    table = section(
        "alignment",
        "Do users rate what the model thinks they like?",
        "Spearman over users. Amber: sensitivity against the concept's share of the history, which must be positive or the "
        "vector says nothing about users. Blue: against the rating of the concept minus that of other items. Blue at "
        "zero while amber is large means that the model tells what users consume, not what they like.",
        shown,
        f"SELECT * FROM cav_alignment WHERE model_id = {context.model.model_id} AND main ORDER BY cav_id, rating",
        len(shown),
    )
    top = shown.groupby("kind", sort=True).head(CONCEPTS).sort_values("kind", kind="stable")
    points = [
        charts.Row(
            str(row["concept"]),
            row[column],
            plain(row[f"{column}_low"]),
            plain(row[f"{column}_high"]),
            f"{row['concept']}, {said}: {layout.estimate(row[column], row[f'{column}_low'], row[f'{column}_high'])}, "
            f"{row['n']:,} users, {row['ratings']} ratings",
            said,
            panel=str(row["kind"]),
        )
        for row in top.to_dict("records")
        for column, said in (("rating", "rating"), ("history", "share of history"))
        if plain(row[column]) is not None
    ]
    chart = charts.forest(
        points,
        x_title="Spearman correlation with users' sensitivity",
        series={"rating": "s1", "share of history": "s2"},
        reference=0.0,
    )
    return [Exhibit(table, chart), *_scatters(context, frame)]


def _scatters(context: Context, frame: pd.DataFrame) -> list[Exhibit]:
    strongest = frame.reindex(frame["centred"].abs().sort_values(ascending=False, kind="stable").index)
    found = [
        plots.scatter(context.audit, context.model, int(cav_id), most=-1)
        for cav_id in strongest["cav_id"].head(PANELS)
    ]
    kept = [one for one in found if one is not None and len(one.points) >= LEAST_USERS]
    if not kept:
        return []
    rows = [[one.concept, layout.estimate(one.value, one.low, one.high), one.n, one.ratings] for one in kept]
    table = TableSection(
        "alignment_users",
        "Sensitivity and rating, user by user",
        "The concepts with the strongest relation, either way. Across: how much the model's score for the user moves with the "
        "concept (centred); up: the user's rating of the concept minus that of other items. Darker cells hold more users; "
        "the line joins mean ratings of six groups of users of equal size, with 95 % intervals. Read the line, not the cloud.",
        ["concept", "Spearman", "users", "ratings"],
        rows,
        f"SELECT * FROM sensitivities JOIN cav_ratings USING (model_id, user_id) WHERE model_id = {context.model.model_id}",
        len(frame),
    )
    panels = [
        charts.Cloud(
            one.concept,
            f"ρ = {layout.estimate(one.value, one.low, one.high)}",
            one.points["x"].to_numpy(float),
            one.points["y"].to_numpy(float),
        )
        for one in kept
    ]
    return [Exhibit(table, charts.clouds(panels, x_title="sensitivity", y_title="rating minus others'"))]


def _map(context: Context, variant: str, kind: str) -> list[Exhibit]:
    shown = plots.concept_map(context.audit, context.model, variant, kind)
    if shown is None:
        return []
    points = shown.points.head(CONCEPTS)
    held = shown.x_share + shown.y_share
    rows = [
        [row["concept"], row["x"], row["y"], math.hypot(row["x"], row["y"]), row["verdict"]]
        for row in points.to_dict("records")
    ]
    table = TableSection(
        f"concept_map_{kind}",
        f"Concepts in the plane: {kind}",
        f"Vectors of unit length on their first two principal axes, which hold {held:.0%} of them: angles here are only as "
        "good as that, and short arrows point off the page. Arrows side by side are concepts the model treats alike; "
        "opposite ones, concepts it trades against each other. The shade is where 95 % of bootstrap draws put the tip; a "
        "dashed arrow's direction is not stable.",
        ["concept", "x", "y", "length", "verdict"],
        rows,
        f"SELECT * FROM cav_map WHERE model_id = {context.model.model_id}",
        len(shown.points),
    )
    clouds = {
        cav_id: own[["x", "y"]].to_numpy(float) for cav_id, own in shown.clouds.groupby("cav_id", sort=False)
    }
    empty = shown.clouds.iloc[:0][["x", "y"]].to_numpy(float)
    arrows = [
        charts.Arrow(
            str(row["concept"]),
            row["x"],
            row["y"],
            clouds.get(row["cav_id"], empty),
            f"{row['concept']}: {math.hypot(row['x'], row['y']):.0%} of its length lies in this plane, {row['verdict']}",
            row["verdict"] != "unstable",
        )
        for row in points.to_dict("records")
    ]
    chart = charts.arrows(
        arrows, x_title=f"first axis ({shown.x_share:.0%})", y_title=f"second axis ({shown.y_share:.0%})"
    )
    return [Exhibit(table, chart)]


def _angles(context: Context, variant: str, kind: str) -> list[Exhibit]:
    matrix = plots.angle_matrix(context.audit, context.model, variant, kind)
    if matrix is None or len(matrix.concept) > 2 * CONCEPTS:
        return []
    names = matrix.concept
    beyond = matrix.beyond_chance
    rows = [
        [name, *(layout.short(float(cosine)) for cosine in line)]
        for name, line in zip(names, matrix.cosine, strict=True)
    ]
    table = TableSection(
        f"angles_{kind}",
        f"Angles between concepts: {kind}",
        "Cosines between the vectors, neighbours side by side: blue points the same way, red the opposite way. Cells without "
        f"a dot lie within what random concepts have ({matrix.null_low:.2f} to {matrix.null_high:.2f}) and mean nothing.",
        ["concept", *names],
        rows,
        f"SELECT * FROM cav_angles WHERE model_id = {context.model.model_id}",
        len(rows),
    )
    cells = [
        charts.Cell(
            first,
            second,
            float(matrix.cosine[i, j]),
            f"{first} and {second}: cosine {layout.estimate(*(float(part[i, j]) for part in (matrix.cosine, matrix.low, matrix.high)))}, "
            f"{matrix.degrees[i, j]:.0f}°",
            "•" if beyond[i, j] else "",
        )
        for i, first in enumerate(names)
        for j, second in enumerate(names)
        if i != j
    ]
    return [Exhibit(table, charts.heat(cells, names, names))]
