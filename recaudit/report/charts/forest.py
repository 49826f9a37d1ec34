"""Values with their intervals, one row each, and what chance or a control gives beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recaudit.report.charts.draw import Chart
from recaudit.report.charts.theme import LETTER, paint

WIDTH = 460
STEP = 19
"""Height of a row."""
LANE = 10
"""What each further series that shares a row adds to it."""
LABELS = 170
"""Most room for the names of rows."""
_SHAPES = ["circle", "square", "diamond", "triangle-up", "cross", "triangle-down"]


@dataclass(frozen=True)
class Row:
    """A point with its interval.

    Attributes:
        label: left of the axis; rows of one label and different ``series`` share a line.
        say: what the point says when it is pointed at.
        control: drawn as a grey tick; None for none.
        panel: heading it stands under.
    """

    label: str
    value: float
    low: float | None
    high: float | None
    say: str
    series: str = ""
    control: float | None = None
    panel: str = ""


def forest(
    rows: Sequence[Row],
    *,
    x_title: str,
    series: Mapping[str, str] | None = None,
    control: str | None = None,
    reference: float | None = None,
    domain: tuple[float, float] | None = None,
    percent: bool = False,
) -> Chart:
    """A panel for each heading, one below the other, over the same axis; empty without rows.

    Args:
        rows: in the order to be read.
        series: name to its role in the palette, in the order of the legend; None for one series.
        control: what the ticks are, for the legend.
        reference: where an upright line goes: no effect, chance.
        domain: of the axis; by default what the intervals and ticks need.
        percent: the axis is a share, written in percent.
    """
    if not rows:
        return {}
    chosen = dict(series) if series and len(series) > 1 else dict.fromkeys(series or [""], "s1")
    span = domain or _span(rows, reference)
    panels = list(dict.fromkeys(row.panel for row in rows))
    room = min(LABELS, LETTER * max(len(row.label) for row in rows) + 10)
    axis: dict[str, Any] = {"tickCount": 6, "labelFlush": False}
    if percent:
        axis["format"] = ".0%"
    made = [
        _panel(
            panel,
            [row for row in rows if row.panel == panel],
            chosen,
            {
                "type": "quantitative",
                "title": x_title if panel == panels[-1] else None,
                "scale": {"domain": list(span), "nice": False, "zero": False},
                "axis": axis if panel == panels[-1] else {**axis, "labels": False},
            },
            control if panel == panels[0] else None,
            reference,
            room,
            legend=panel == panels[0],
        )
        for panel in panels
    ]
    return {"vconcat": made, "spacing": 34, "bounds": "flush"} if len(made) > 1 else made[0]


def _panel(
    panel: str,
    rows: list[Row],
    series: dict[str, str],
    x: dict[str, Any],
    control: str | None,
    reference: float | None,
    room: int,
    *,
    legend: bool,
) -> Chart:
    several = len(series) > 1
    lanes = _share_lines(rows)
    step = STEP + (LANE * (len(series) - 1) if lanes else 0)
    reach = LANE * (len(series) - 1) / 2 if lanes else 0.0
    shift: Chart = (
        {
            "yOffset": {
                "field": "lane",
                "type": "quantitative",
                "scale": {"domain": [0, len(series) - 1], "range": [step / 2 - reach, step / 2 + reach]},
            }
        }
        if lanes
        else {}
    )
    y = {
        "field": "label",
        "type": "nominal",
        "sort": None,
        "title": None,
        "scale": {"paddingInner": 0, "paddingOuter": 0},
        "axis": {"minExtent": room, "labelLimit": room},
    }
    by = _by_series(series, "color", [paint(role) for role in series.values()], legend=legend)
    shape = _by_series(series, "shape", _SHAPES[: len(series)], legend=legend)
    layers: list[Chart] = []
    if reference is not None:
        layers.append(
            {
                "data": {"values": [{"at": reference}]},
                "mark": {"type": "rule", "color": paint("grey"), "strokeDash": [4, 3], "aria": False},
                "encoding": {"x": {**x, "field": "at"}},
            }
        )
    if any(row.control is not None for row in rows):
        layers.append(
            {
                "mark": {"type": "tick", "thickness": 2.5, "height": 13, "color": paint("grey")},
                "encoding": {"x": {**x, "field": "control"}, "y": y, "description": {"field": "say"}},
            }
        )
    layers += [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.55, "aria": False},
            "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y, **by, **shift},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 68, "opacity": 1},
            "encoding": {
                "x": {**x, "field": "value"},
                "y": y,
                "description": {"field": "say"},
                **by,
                **(shape if several else {}),
                **shift,
            },
        },
    ]
    chart: Chart = {
        "width": WIDTH,
        "height": step * len({row.label for row in rows}),
        "data": {"values": [{**asdict(row), "lane": list(series).index(row.series)} for row in rows]},
        "layer": layers,
    }
    subtitle = f"grey ticks: {control}" if control else ""
    if panel or subtitle:
        chart["title"] = {
            "text": panel,
            **({"subtitle": subtitle} if subtitle else {}),
            "frame": "group",
        }
    return chart


def _share_lines(rows: list[Row]) -> bool:
    return len({row.label for row in rows}) < len(rows)


def _by_series(series: dict[str, str], channel: str, values: list[str], *, legend: bool) -> Chart:
    shown = {"title": None} if legend and len(series) > 1 else None
    scale = {"domain": list(series), "range": values}
    return {channel: {"field": "series", "type": "nominal", "scale": scale, "legend": shown}}


def _span(rows: Sequence[Row], reference: float | None) -> tuple[float, float]:
    ends = [
        end
        for row in rows
        for end in (row.value, row.low, row.high, row.control, reference)
        if end is not None
    ]
    low, high = min(ends), max(ends)
    margin = 0.04 * ((high - low) or 1.0)
    return low - margin, high + margin
