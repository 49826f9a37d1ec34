"""Colours and fonts of charts. Specifications name a role; a page or a file gives it its colour."""

from __future__ import annotations

from typing import Any

PALETTE = {
    "ink": ("#1f2328", "#e6e9ee"),
    "muted": ("#59636e", "#9aa4b1"),
    "line": ("#d8dee4", "#363d47"),
    "grey": ("#8c959f", "#7d8794"),
    "s1": ("#3b62c9", "#86a3ff"),
    "s2": ("#b5761a", "#e3ac42"),
    "s3": ("#c9432f", "#ff8672"),
    "s4": ("#1f8577", "#5fc7b6"),
    "s5": ("#8a4fd0", "#bb90ff"),
    "s6": ("#b03a7b", "#f08fc2"),
}
"""Role to its colour on light and on dark ground. The series differ in lightness, so they differ in print too."""

LETTER = 8
"""Width of a letter in wide fonts: the reader's may be wider than the one the engine measures with."""

SERIES = ["s1", "s2", "s4", "s3", "s5", "s6"]


def paint(role: str) -> str:
    """What a specification writes for a role."""
    return f"var(--{role})"


CONFIG: dict[str, Any] = {
    "background": None,
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "grid": True,
        "gridColor": paint("line"),
        "labelColor": paint("ink"),
        "labelFontSize": 12,
        "labelLimit": 240,
        "labelPadding": 6,
        "titleColor": paint("muted"),
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "axisY": {"grid": False},
    "header": {"labelColor": paint("ink"), "titleColor": paint("muted")},
    "legend": {
        "labelColor": paint("ink"),
        "labelFontSize": 12,
        "titleColor": paint("muted"),
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "orient": "top",
        "symbolSize": 90,
        "columnPadding": 18,
    },
    "title": {"color": paint("ink"), "fontSize": 13, "fontWeight": 600, "anchor": "start", "offset": 8,
              "subtitleColor": paint("muted"), "subtitleFontSize": 12},
    "range": {"category": [paint(role) for role in SERIES]},
}  # fmt: skip
