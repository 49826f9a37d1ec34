"""Names that hold beside the same procedure on controls."""

from __future__ import annotations

from recaudit.report import charts, labels, layout
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection


def draw(context: Context) -> list[Exhibit]:
    """The share of good names of every labeller and protocol."""
    if context.sae is None:
        return []
    tables = labels.sections(context.audit, context.model, context.sae)
    return [_drawn(table, context.sae.name) for table in tables if table.name.startswith("label_figures:")]


def _drawn(table: TableSection, own: str) -> Exhibit:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    points = [
        charts.Row(
            str(row["names of"]),
            row["share >= .8"],
            row["low"],
            row["high"],
            f"{row['names of']}: {layout.estimate(row['share >= .8'], row['low'], row['high'])} of {row['scored']} latents "
            "scored have a name with confidence of .8 or more",
            "dictionary" if row["names of"] == own else "control",
        )
        for row in rows
        if row["share >= .8"] is not None
    ]
    chart = charts.forest(
        points,
        x_title="share of scored latents whose name has confidence >= .8",
        series={"dictionary": "s1", "control": "grey"},
        percent=True,
        reference=0.0,
    )
    return Exhibit(table, chart)
