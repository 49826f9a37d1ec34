"""Users in the plane, small multiples: points where they are few, counts in cells where they are many, and a trend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.report.charts.draw import Chart
from recaudit.report.charts.theme import paint

WIDTH, HEIGHT = 215, 150
COLUMNS = 3
MOST_POINTS = 150
"""Users up to which each is a point."""
ACROSS, DOWN = 18, 12
"""Cells."""
TREND = 6
"""Groups of equal size along x whose mean y is drawn."""


@dataclass(frozen=True)
class Cloud:
    """One panel: a heading with a line below it, and the users [n]."""

    title: str
    subtitle: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def clouds(panels: Sequence[Cloud], *, x_title: str, y_title: str) -> Chart:
    """Panels side by side. The line joins mean y of ``TREND`` groups of users of equal size, with 95 % intervals."""
    return {
        "concat": [_panel(panel, x_title, y_title) for panel in panels],
        "columns": COLUMNS,
        "spacing": {"row": 34, "column": 26},
    }


def _panel(panel: Cloud, x_title: str, y_title: str) -> Chart:
    (left, right), (bottom, top) = _span(panel.x), _span(panel.y)
    x = {"field": "x", "type": "quantitative", "title": x_title, "scale": {"domain": [left, right], "nice": False},
         "axis": {"tickCount": 4}}  # fmt: skip
    y = {"field": "y", "type": "quantitative", "title": y_title, "scale": {"domain": [bottom, top], "nice": False},
         "axis": {"tickCount": 4, "grid": True, "minExtent": 34}}  # fmt: skip
    inside = (panel.x >= left) & (panel.x <= right) & (panel.y >= bottom) & (panel.y <= top)
    few = len(panel.x) <= MOST_POINTS
    layers = [
        _points(panel.x[inside], panel.y[inside], x, y)
        if few
        else _cells(panel.x[inside], panel.y[inside], (left, right), (bottom, top), x, y),
        *_trend(panel, x, y),
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "title": {"text": panel.title, "subtitle": panel.subtitle, "frame": "group"},
        "layer": layers,
    }


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 99 %, so that a single user does not set the scale."""
    low, high = (float(end) for end in np.quantile(values, [0.005, 0.995]))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _points(x: NDArray[np.float64], y: NDArray[np.float64], on_x: Chart, on_y: Chart) -> Chart:
    return {
        "data": {"values": [{"x": _short(a), "y": _short(b)} for a, b in zip(x, y, strict=True)]},
        "mark": {"type": "circle", "size": 14, "color": paint("s1"), "opacity": 0.45, "aria": False},
        "encoding": {"x": on_x, "y": on_y},
    }


def _cells(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    across: tuple[float, float],
    up: tuple[float, float],
    on_x: Chart,
    on_y: Chart,
) -> Chart:
    counts, at_x, at_y = np.histogram2d(x, y, bins=(ACROSS, DOWN), range=(across, up))
    most = counts.max()
    values = [
        {
            "x": _short(at_x[i]), "x2": _short(at_x[i + 1]), "y": _short(at_y[j]), "y2": _short(at_y[j + 1]),
            "strength": round(0.12 + 0.88 * float(np.sqrt(counts[i, j] / most)), 2),
            "say": f"{int(counts[i, j]):,} users, {at_x[i]:.2g} to {at_x[i + 1]:.2g} by {at_y[j]:.2g} to {at_y[j + 1]:.2g}",
        }
        for i, j in zip(*np.nonzero(counts), strict=True)
    ]  # fmt: skip
    return {
        "data": {"values": values},
        "mark": {"type": "rect", "color": paint("s1")},
        "encoding": {
            "x": on_x, "x2": {"field": "x2"}, "y": on_y, "y2": {"field": "y2"},
            "opacity": {"field": "strength", "type": "quantitative", "legend": None,
                        "scale": {"domain": [0, 1], "range": [0, 1]}},
            "description": {"field": "say"},
        },
    }  # fmt: skip


def _trend(panel: Cloud, on_x: Chart, on_y: Chart) -> list[Chart]:
    order = np.argsort(panel.x, kind="stable")
    groups = [group for group in np.array_split(order, TREND) if len(group) > 1]
    values: list[dict[str, Any]] = []
    for group in groups:
        mean, spread = float(panel.y[group].mean()), float(panel.y[group].std(ddof=1)) / np.sqrt(len(group))
        values.append(
            {
                "x": float(panel.x[group].mean()), "y": mean, "low": mean - 1.96 * spread, "high": mean + 1.96 * spread,
                "say": f"{len(group):,} users: mean {mean:.2f} [{mean - 1.96 * spread:.2f}, {mean + 1.96 * spread:.2f}]",
            }
        )  # fmt: skip
    data = {"values": values}
    line: Chart = {"data": data, "encoding": {"x": on_x, "y": on_y}}
    return [
        {**line, "mark": {"type": "line", "color": paint("ink"), "strokeWidth": 1.5, "aria": False}},
        {
            "data": data,
            "mark": {"type": "rule", "color": paint("ink"), "strokeWidth": 1.5, "aria": False},
            "encoding": {"x": on_x, "y": {**on_y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "data": data,
            "mark": {"type": "point", "filled": True, "color": paint("ink"), "size": 26, "opacity": 1},
            "encoding": {"x": on_x, "y": on_y, "description": {"field": "say"}},
        },
    ]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
