"""Charts as Vega-Lite specifications: plain dictionaries, drawn to SVG here or by a page's own script.

One description serves the picture in a Markdown report and the interactive one in a page. ``vl-convert`` draws
without a browser or a network.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

Chart = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
VEGA_LITE = "6.4"

COLOURS = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5"]
"""Observable 10: told apart by the colour-blind and in print."""


def svg(chart: Chart) -> str:
    """The picture of a chart."""
    import vl_convert  # a second, and 30 MB: only when something is drawn

    return str(vl_convert.vegalite_to_svg({"$schema": SCHEMA, **chart}, vl_version=VEGA_LITE))


def lines(frame: pd.DataFrame, x: str, metrics: dict[str, str], colour: str | None, *, x_title: str) -> Chart:
    """Small multiples: one panel a metric, its value over ``x`` with its interval, a line a ``colour``.

    Args:
        frame: columns ``x``, ``colour``, each metric, and its ``:low`` and ``:high`` where it has an interval.
        metrics: column to its title.
    """
    shown = [(column, title) for column, title in metrics.items() if frame.get(column) is not None]
    panels = [_panel(frame, x, column, title, colour, x_title) for column, title in shown]
    return {
        "config": _CONFIG,
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
        by["color"] = {"field": colour, "type": "nominal", "scale": {"range": COLOURS}}
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
        "data": {"values": _plain(rows)},
        "encoding": {"x": place},
        "layer": layers,
    }


_CONFIG = {
    "font": "system-ui, -apple-system, 'Segoe UI', sans-serif",
    "view": {"stroke": None},
    "axis": {"grid": True, "gridOpacity": 0.35, "domain": False, "ticks": False, "labelPadding": 6},
    "range": {"category": COLOURS},
}


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(key): None if value != value else value for key, value in row.items()}  # NaN has no JSON
        for row in frame.to_dict("records")
    ]
