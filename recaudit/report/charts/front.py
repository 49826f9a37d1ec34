"""What is gained against what is kept: one panel, a mark and a line a method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from recaudit.report.charts.draw import Chart
from recaudit.report.charts.theme import SERIES, paint

WIDTH, HEIGHT = 460, 260


@dataclass(frozen=True)
class Point:
    """A setting of a method: what is kept, what is gained, and what it says."""

    method: str
    kept: float
    value: float
    say: str
    chosen: bool = False
    """Drawn larger and filled."""


def front(points: Sequence[Point], *, x_title: str, y_title: str, least: float) -> Chart:
    """Points of each method, and a line through those that no other of the method beats.

    Args:
        points: smaller ``value`` is better.
        least: share kept at which the axis begins; points beyond are not drawn.
    """
    shown = [point for point in points if point.kept >= least]
    methods = list(dict.fromkeys(point.method for point in shown))
    colour = {
        "field": "method", "type": "nominal", "title": None,
        "scale": {"domain": methods, "range": [paint(role) for role in SERIES[: len(methods)]]},
    }  # fmt: skip
    x = {"field": "kept", "type": "quantitative", "title": x_title, "scale": {"zero": False},
         "axis": {"format": ".0%", "tickCount": 6}}  # fmt: skip
    y = {"field": "value", "type": "quantitative", "title": y_title, "scale": {"zero": False},
         "axis": {"tickCount": 5, "grid": True}}  # fmt: skip
    best = [
        point for method in methods for point in _unbeaten([one for one in shown if one.method == method])
    ]
    marks = [
        (False, {"type": "point", "size": 18, "opacity": 0.45, "filled": True}),
        (True, {"type": "point", "size": 110, "opacity": 1, "filled": True, "shape": "diamond"}),
    ]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "layer": [
            {
                "data": {"values": [asdict(point) for point in best]},
                "mark": {"type": "line", "strokeWidth": 1.5, "aria": False},
                "encoding": {"x": x, "y": y, "color": colour},
            },
            *(
                {
                    "data": {"values": [asdict(point) for point in shown if point.chosen is chosen]},
                    "mark": mark,
                    "encoding": {"x": x, "y": y, "color": colour, "description": {"field": "say"}},
                }
                for chosen, mark in marks
            ),
        ],
    }


def _unbeaten(points: Sequence[Point]) -> list[Point]:
    """Those than which none keeps more at as good a value, from what keeps most on."""
    found: list[Point] = []
    for point in sorted(points, key=lambda one: (-one.kept, one.value)):
        if not found or point.value < found[-1].value:
            found.append(point)
    return found
