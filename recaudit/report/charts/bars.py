"""Counts as upright bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from recaudit.report.charts.draw import Chart
from recaudit.report.charts.theme import paint

WIDTH, HEIGHT = 460, 170


@dataclass(frozen=True)
class Bar:
    """A bar: what stands below it, how high it is, and what it says."""

    label: str
    count: float
    say: str


def bars(shown: Sequence[Bar], *, x_title: str, y_title: str) -> Chart:
    """Bars in the order given."""
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": [asdict(bar) for bar in shown]},
        "mark": {"type": "bar", "color": paint("s1")},
        "encoding": {
            "x": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "title": x_title,
                "axis": {"labelAngle": 0, "grid": False},
            },
            "y": {
                "field": "count",
                "type": "quantitative",
                "title": y_title,
                "axis": {"tickCount": 5, "grid": True},
            },
            "description": {"field": "say"},
        },
    }
