"""A matrix: the stronger a cell's colour, the larger its value; what is below zero has another colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from recaudit.report.charts.draw import Chart
from recaudit.report.charts.theme import LETTER, paint

CELL = 24
LABELS = 160


@dataclass(frozen=True)
class Cell:
    """A cell's place, value, and what it says; ``shade`` is how strong its colour is, -1 to 1."""

    row: str
    column: str
    shade: float
    say: str
    text: str = ""
    """Written into the cell."""


def heat(
    cells: Sequence[Cell],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_title: str | None = None,
    column_title: str | None = None,
    cell: int = CELL,
) -> Chart:
    """Rows and columns in the order given; empty without cells. Colour is opacity, so that it reads on light and on dark ground."""
    if not cells:
        return {}
    values = [
        {
            **asdict(one),
            "strength": max(0.03, min(1.0, abs(one.shade))),
            "sign": "-" if one.shade < 0 else "+",
        }
        for one in cells
    ]
    down = {"labelLimit": LABELS, "minExtent": min(LABELS, LETTER * max(map(len, rows), default=0))}
    places: Chart = {
        "x": {"field": "column", "type": "nominal", "sort": list(columns), "title": column_title,
              "scale": {"domain": list(columns), "padding": 0.06},
              "axis": {"labelLimit": LABELS, "orient": "top", "labelAngle": -50 if _long(columns) else 0, "grid": False}},
        "y": {"field": "row", "type": "nominal", "sort": list(rows), "title": row_title,
              "scale": {"domain": list(rows), "padding": 0.06}, "axis": down},
    }  # fmt: skip
    layers: list[Chart] = [
        {
            "mark": {"type": "rect", "cornerRadius": 2},
            "encoding": {
                "color": {
                    "field": "sign", "type": "nominal", "legend": None,
                    "scale": {"domain": ["+", "-"], "range": [paint("s1"), paint("s3")]},
                },
                "opacity": {"field": "strength", "type": "quantitative", "legend": None,
                            "scale": {"domain": [0, 1], "range": [0, 1]}},
                "description": {"field": "say"},
            },
        }
    ]  # fmt: skip
    if any(one.text for one in cells):
        layers.append(
            {
                "mark": {"type": "text", "fontSize": 10, "color": paint("ink"), "aria": False},
                "encoding": {"text": {"field": "text"}},
            }
        )
    return {
        "width": {"step": cell},
        "height": {"step": cell},
        "data": {"values": values},
        "encoding": places,
        "layer": layers,
    }


def _long(columns: Sequence[str]) -> bool:
    return any(len(name) > 2 for name in columns)
