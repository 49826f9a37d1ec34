"""Values over a setting: small multiples of lines with their intervals."""

from __future__ import annotations

import pandas as pd

from recaudit.report.charts.draw import Chart
from recaudit.report.charts.theme import SERIES, paint
from recaudit.report.charts.values import records


def lines(frame: pd.DataFrame, x: str, metrics: dict[str, str], colour: str | None, *, x_title: str) -> Chart:
    """Small multiples: one panel a metric, its value over ``x`` with its interval, a line a ``colour``.

    Args:
        frame: columns ``x``, ``colour``, each metric, and its ``:low`` and ``:high`` where it has an interval.
        metrics: column to its title.
    """
    shown = [(column, title) for column, title in metrics.items() if frame.get(column) is not None]
    panels = [_panel(frame, x, column, title, colour, x_title) for column, title in shown]
    return {
        "concat": panels,
        "columns": 3,
        "spacing": 28,
    }


def _panel(frame: pd.DataFrame, x: str, metric: str, title: str, colour: str | None, x_title: str) -> Chart:
    columns = [x, metric, *([colour] if colour else [])]
    intervals = {f"{metric}:low": "low", f"{metric}:high": "high"}
    rows = frame[[*columns, *(name for name in intervals if name in frame)]].rename(columns=intervals)
    rows = rows.rename(columns={metric: "value"}).dropna(subset=["value"])
    place = {"field": x, "type": "ordinal", "title": x_title, "axis": {"labelAngle": 0}}
    value = {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}}
    by: Chart = {}
    if colour:
        by["color"] = {
            "field": colour,
            "type": "nominal",
            "scale": {"range": [paint(role) for role in SERIES]},
        }
        by["xOffset"] = {"field": colour, "scale": {"range": [-4, 4]}}  # intervals beside each other
    tooltip = [{"field": name, "type": "nominal" if name in columns[2:] else "quantitative"} for name in
               (x, "value", *columns[2:])]  # fmt: skip
    layers: list[Chart] = [
        {
            "mark": {"type": "line", "point": {"size": 36}},
            "encoding": {"y": {**value, "aggregate": "mean"}, **by, "tooltip": tooltip[:1]},
        },
    ]
    if "low" in rows:
        layers.insert(
            0,
            {
                "mark": {"type": "rule", "opacity": 0.45},
                "encoding": {"y": {**value, "field": "low"}, "y2": {"field": "high"}, **by},
            },
        )
    return {
        "title": {"text": title, "anchor": "start", "fontWeight": 600},
        "width": 200,
        "height": 150,
        "data": {"values": records(rows)},
        "encoding": {"x": place},
        "layer": layers,
    }
