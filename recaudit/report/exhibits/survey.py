"""The survey of concepts as dots: this model, the other one, and the untrained dictionary as a tick."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from recaudit.report import charts, survey
from recaudit.report.charts.theme import SERIES
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection

CONCEPTS = 25
"""Concepts of a kind."""


def draw(context: Context) -> list[Exhibit]:
    """One chart; none where there is no table."""
    return [_drawn(context, table) for table in survey.sections(context)]


def _drawn(context: Context, table: TableSection) -> Exhibit:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    columns = {context.model.name: survey.OWN}
    if context.beside is not None and survey.beside_name(context.beside[0]) in table.columns:
        columns[context.beside[0].name] = survey.beside_name(context.beside[0])
    place = {
        id(row): at for _, own in groupby(rows, key=lambda row: row["kind"]) for at, row in enumerate(own)
    }
    points = [
        _point(row, column, name)
        for row in rows
        if place[id(row)] < CONCEPTS
        for name, column in columns.items()
    ]
    chart = charts.forest(
        points,
        x_title="share of live latents",
        series=dict(zip(columns, SERIES, strict=False)),
        control="untrained dictionary" if survey.UNTRAINED in table.columns else None,
        percent=True,
        reference=0.0,
    )
    return Exhibit(table, chart)


def _point(row: dict[str, Any], column: str, name: str) -> charts.Row:
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    said = f"{row['concept']}, {name}: {row[column]:.1%} [{low:.1%}, {high:.1%}] of live latents"
    control = row.get(survey.UNTRAINED) if column == survey.OWN else None
    if control is not None:
        said += f"; of an untrained dictionary {control:.1%}"
    return charts.Row(str(row["concept"]), row[column], low, high, said, name, control, str(row["kind"]))
