"""Decades of latents' items."""

from __future__ import annotations

from recaudit.report import charts, profiles
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection


def draw(context: Context) -> list[Exhibit]:
    """The catalogue's decades, then those of the most concentrated latents, under each rule."""
    if context.sae is None:
        return []
    return [_drawn(table) for table in profiles.temporal(context.audit, context.sae) if len(table.rows) > 1]


def _drawn(table: TableSection) -> Exhibit:
    decades = [name for name in table.columns if name not in ("latent", "concentration", "q")]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    cells = [
        charts.Cell(
            str(row["latent"]), decade, row[decade], f"{_who(row['latent'])}: {row[decade]:.0%} of items from the {decade}"
        )
        for row in rows
        for decade in decades
        if row[decade] is not None
    ]  # fmt: skip
    chart = charts.heat(cells, [str(row["latent"]) for row in rows], decades, row_title="latent", cell=30)
    return Exhibit(table, chart)


def _who(latent: object) -> str:
    return "Catalogue" if latent == "catalogue" else f"Latent {latent}"
