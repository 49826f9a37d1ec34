"""The survey of concepts as dots: this model, the other one, and the untrained dictionary as a tick."""

from __future__ import annotations

from recaudit.report import charts, survey
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection

CONCEPTS = 25
"""Concepts of a kind."""


def draw(context: Context) -> list[Exhibit]:
    """One chart; none where there is no table."""
    return [_drawn(context, table) for table in survey.sections(context)]


def _drawn(context: Context, table: TableSection) -> Exhibit:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    own = context.model.name
    series = {own: "s1"}
    others = {}
    if context.beside is not None:
        column = survey.beside_name(context.beside[0])
        if column in table.columns:
            others[context.beside[0].name] = column
            series[context.beside[0].name] = "s2"
    points, taken = [], dict.fromkeys({row["kind"] for row in rows}, 0)
    for row in rows:
        taken[row["kind"]] += 1
        if taken[row["kind"]] > CONCEPTS:
            continue
        untrained = row.get("untrained")
        said = f"{row['concept']}: {row['latents']} latents, {row['share']:.1%} of those that fire"
        if untrained is not None:
            said += f"; of an untrained dictionary {untrained:.1%}"
        points.append(_point(row, row["share"], said, own, untrained))
        points += [
            _point(
                row, row[column], f"{row['concept']}: {row[column]:.1%} of the latents of {name}", name, None
            )
            for name, column in others.items()
        ]
    control = "untrained dictionary" if "untrained" in table.columns else None
    chart = charts.forest(
        points, x_title="share of live latents", series=series, control=control, percent=True, reference=0.0
    )
    return Exhibit(table, chart)


def _point(row: dict[str, object], share: float, said: str, series: str, control: float | None) -> charts.Row:
    return charts.Row(str(row["concept"]), share, None, None, said, series, control, str(row["kind"]))
