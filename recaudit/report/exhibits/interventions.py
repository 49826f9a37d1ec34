"""Charts of what was searched, tuned and promoted."""

from __future__ import annotations

import pandas as pd

from recaudit.report import charts, interventions, layout
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection, plain

LEAST_KEPT = 0.8
"""Share of NDCG below which a point of a search is no candidate."""
CONCEPTS = 20


def draw(context: Context) -> list[Exhibit]:
    """The front of the first search, the tuning of each concept, and the grid of each promotion."""
    tables = {
        table.name: table for table in interventions.sections(context.audit, context.model, context.sae)
    }
    found = []
    if "fronts" in tables:
        found.append(Exhibit(tables["fronts"], _front(interventions.fronts(context.audit, context.model))))
    if "tunings" in tables:
        found.append(
            _tuned(tables["tunings"], interventions.tuning(context.audit, context.model, context.sae))
        )
    if "promotions" in tables:
        found.append(
            _promoted(
                tables["promotions"], interventions.promotion(context.audit, context.model, context.sae)
            )
        )
    return found


def _front(frame: pd.DataFrame) -> charts.Chart | None:
    frame = frame[(frame["target"] == frame["target"].iloc[0]) & frame["kept"].notna()]
    points = [
        charts.Point(
            str(row["method"]),
            row["kept"],
            row["after"],
            f"{row['method']}, {row['setting']}: {row['measure']} {layout.number(row['before'])} to "
            f"{layout.number(row['after'])}, {row['kept']:.1%} of NDCG@10 kept, {row['tail']:.1%} of places to tail items",
            bool(row["chosen"]),
        )
        for row in frame.to_dict("records")
    ]
    if not any(point.kept >= LEAST_KEPT for point in points):
        return None
    measure = str(frame["measure"].iloc[0])
    return charts.front(points, x_title="NDCG@10 kept", y_title=measure, least=LEAST_KEPT)


def _tuned(table: TableSection, frame: pd.DataFrame) -> Exhibit:
    frame = frame[(frame["level"] != "filter") & frame["low"].notna()]
    kept = list(dict.fromkeys(frame["concept"]))[:CONCEPTS]
    rows = [
        charts.Row(
            str(row["concept"]).partition(":")[2],
            row["change"],
            plain(row["low"]),
            plain(row["high"]),
            f"{row['concept']}, latent {row['latent']} {row['level']}: {row['hit']:.1%} to {row['tuned']:.1%} of "
            f"{row['users']:,} users, random latents {_change(row['random'])}, direction {_change(row['direction'])}",
            control=plain(row["random"]),
            panel=_panel(str(row["level"])),
        )
        for row in frame[frame["concept"].isin(kept)].to_dict("records")
    ]
    if not rows:
        return Exhibit(table)
    title = "change in the share of users with the concept in their list"
    return Exhibit(
        table, charts.forest(rows, x_title=title, control="random latents", reference=0.0, percent=True)
    )


def _promoted(table: TableSection, frame: pd.DataFrame) -> Exhibit:
    item, audience = frame["item"].iloc[0], frame["audience"].iloc[0]
    own = frame[(frame["item"] == item) & (frame["audience"] == audience)]
    columns = {
        "change": "edit", "others": "edit, others", "random": "random latents", "direction": "audience direction",
    }  # fmt: skip
    parts = [
        own[["level", column]].rename(columns={column: "share"}).assign(by=name)
        for column, name in columns.items()
    ]
    parts[0] = parts[0].assign(**{"share:low": own["low"], "share:high": own["high"]})
    shown = pd.concat(parts, ignore_index=True).dropna(subset=["share"])
    chart = charts.lines(shown, "level", {"share": str(item)}, "by", x_title=f"level, for {audience}")
    return Exhibit(table, chart)


def _panel(level: str) -> str:
    return f"activation times {level[1:]}" if level.startswith("x") else f"set to quantile {level[1:]}"


def _change(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:+.1%}"
