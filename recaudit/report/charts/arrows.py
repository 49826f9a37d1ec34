"""Directions in the plane as arrows from the origin, each with the ellipse its bootstrap draws lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.report.charts.draw import Chart
from recaudit.report.charts.theme import paint

SIDE = 560
VERTICES = 24
INSIDE = 2.448
"""Standard deviations whose ellipse holds 95 % of a normal cloud in the plane: sqrt of chi2(.95, 2)."""


@dataclass(frozen=True)
class Arrow:
    """A direction: its tip, the tips of its bootstrap draws [draws, 2], and what it says."""

    label: str
    x: float
    y: float
    draws: NDArray[np.float64]
    say: str
    sure: bool = True
    """False draws it dashed: its direction is not stable."""


def arrows(shown: Sequence[Arrow], *, x_title: str, y_title: str) -> Chart:
    """Arrows on axes of one scale around the origin; empty without any."""
    if not shown:
        return {}
    reach = 1.08 * max(0.2, *(max(abs(one.x), abs(one.y)) for one in shown))
    scale = {"domain": [-reach, reach], "nice": False, "zero": False}
    x = {"field": "x", "type": "quantitative", "title": x_title, "scale": scale, "axis": {"tickCount": 5}}
    y = {"field": "y", "type": "quantitative", "title": y_title, "scale": scale,
         "axis": {"tickCount": 5, "grid": True}}  # fmt: skip
    tips = [
        {
            "label": one.label, "x": one.x, "y": one.y, "zero": 0, "say": one.say,
            "dash": "sure" if one.sure else "unstable", "side": "left" if one.x >= 0 else "right",
        }
        for one in shown
    ]  # fmt: skip
    dash = {"field": "dash", "type": "nominal", "legend": None,
            "scale": {"domain": ["sure", "unstable"], "range": [[1, 0], [4, 3]]}}  # fmt: skip
    texts = [
        {
            "data": {"values": [tip for tip in tips if tip["side"] == side]},
            "mark": {"type": "text", "align": side, "dx": 6 if side == "left" else -6, "fontSize": 12, "color": paint("ink")},
            "encoding": {"x": x, "y": y, "text": {"field": "label"}, "description": {"field": "say"}},
        }
        for side in ("left", "right")
    ]  # fmt: skip
    return {
        "width": SIDE,
        "height": SIDE,
        "layer": [
            *(_ellipse(one, x, y) for one in shown if len(one.draws) > 2),
            {
                "data": {"values": tips},
                "mark": {"type": "rule", "color": paint("s1"), "strokeWidth": 1.5, "aria": False},
                "encoding": {
                    "x": {**x, "field": "zero"}, "y": {**y, "field": "zero"}, "x2": {"field": "x"}, "y2": {"field": "y"},
                    "strokeDash": dash,
                },
            },
            {
                "data": {"values": tips},
                "mark": {"type": "point", "filled": True, "size": 50, "color": paint("s1"), "opacity": 1},
                "encoding": {"x": x, "y": y, "description": {"field": "say"}},
            },
            *texts,
        ],
    }  # fmt: skip


def _ellipse(one: Arrow, x: Chart, y: Chart) -> Chart:
    """The ellipse of 95 % of the draws, by their mean and covariance."""
    values, axes = np.linalg.eigh(np.cov(one.draws.T))
    turn = np.linspace(0, 2 * np.pi, VERTICES + 1)
    round_ = np.stack([np.cos(turn), np.sin(turn)]) * INSIDE * np.sqrt(np.maximum(values, 0))[:, None]
    points = (axes @ round_).T + one.draws.mean(axis=0)
    rows = [{"x": float(a), "y": float(b), "order": place} for place, (a, b) in enumerate(points)]
    return {
        "data": {"values": rows},
        "mark": {"type": "line", "color": None, "filled": True, "fill": paint("s1"), "opacity": 0.1, "strokeWidth": 0, "aria": False},
        "encoding": {"x": x, "y": y, "order": {"field": "order"}},
    }  # fmt: skip
