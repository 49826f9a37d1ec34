"""From a specification to SVG, by ``vl-convert``: without a browser or a network, the same bytes each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup, escape

from recaudit.report.charts.theme import CONFIG, PALETTE
from recaudit.text import printable

Chart = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
VEGA_LITE = "6.4"
NAMESPACE = "http://www.w3.org/2000/svg"

_KEPT = {
    "svg": (),
    "g": ("transform", "opacity", "fill", "font-family"),
    "path": ("d", "fill", "fill-opacity", "opacity", "stroke", "stroke-dasharray", "stroke-linecap",
             "stroke-opacity", "stroke-width", "transform"),
    "line": ("opacity", "stroke", "stroke-dasharray", "stroke-opacity", "stroke-width", "transform", "x2", "y2"),
    "rect": ("fill", "height", "opacity", "transform", "width", "x", "y"),
    "text": ("dx", "dy", "fill", "font-size", "font-style", "font-weight", "opacity", "text-anchor", "transform"),
    "tspan": ("dy", "x"),
}  # fmt: skip
"""Elements and attributes that a drawing may have; the rest is left out."""
_NEEDLESS = {
    ("opacity", "1"),
    ("x2", "0"),
    ("y2", "0"),
    ("transform", "translate(0,0)"),
    ("font-weight", "normal"),
}
_LONG = re.compile(r"-?\d+\.\d{2,}")


def svg(chart: Chart) -> str:
    """A picture as a file of its own: light colours, dark ones where the viewer prefers them."""
    root = _drawn(chart)
    body = "".join(_element(child, marks=False) for child in root)
    for role, (light, _) in PALETTE.items():
        body = body.replace(f'"var(--{role})"', f'"{light}"')
    return (
        f'<svg xmlns="{NAMESPACE}" width="{root.get("width")}" height="{root.get("height")}" '
        f'viewBox="{root.get("viewBox")}" {_FONT}><style>@media (prefers-color-scheme:dark){{{_dark()}}}</style>'
        f"{body}</svg>\n"
    )


def inline(chart: Chart, title: str) -> Markup:
    """Markup for a page whose style gives the roles of ``PALETTE`` their colours.

    Rebuilt from ``_KEPT``; what a mark says when pointed at is its ``data-say``.
    """
    root = _drawn(chart)
    body = Markup("").join(Markup(_element(child, marks=False)) for child in root)  # noqa: S704 - escaped in _element
    return Markup('<svg role="img" aria-label="{}" width="{}" height="{}" viewBox="{}">{}</svg>').format(
        f"Chart: {printable(title)}", root.get("width"), root.get("height"), root.get("viewBox"), body
    )


_FONT = f'font-family="{escape(CONFIG["font"])}"'


def _dark() -> str:
    return "".join(
        f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}'
        for light, dark in PALETTE.values()
    )


def _drawn(chart: Chart) -> ElementTree.Element:
    whole = {"$schema": SCHEMA, **_readable(chart), "config": CONFIG}
    return ElementTree.fromstring(_engine(json.dumps(whole)))  # noqa: S314 - our own engine wrote it


@lru_cache(maxsize=64)
def _engine(specification: str) -> str:
    """What Vega draws. A page and the images beside a Markdown report share their drawings."""
    import vl_convert  # a second, and 30 MB: only when something is drawn

    return str(vl_convert.vegalite_to_svg(specification, vl_version=VEGA_LITE, allowed_base_urls=[]))


def _readable(value: Any) -> Any:
    """Every text of a specification made ``printable``: no control character reaches the engine or the page."""
    if isinstance(value, dict):
        return {key: _readable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_readable(part) for part in value]
    return printable(value) if isinstance(value, str) else value


def _element(element: ElementTree.Element, *, marks: bool) -> str:
    name = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    here = marks or "role-mark" in element.get("class", "").split()
    if name == "a":  # a mark stays where its link goes
        return "".join(_element(child, marks=here) for child in element)
    if name not in _KEPT or element.get("display") == "none":
        return ""
    attributes = "".join(_attributes(name, element, says=here))
    inside = str(escape(element.text or "")) + "".join(_element(child, marks=here) for child in element)
    if name == "g" and not attributes:
        return inside
    if name == "g" and not inside:
        return ""
    if name == "path" and not _paints(element):
        return ""
    return f"<{name}{attributes}>{inside}</{name}>" if inside else f"<{name}{attributes}/>"


def _paints(path: ElementTree.Element) -> bool:
    return bool(path.get("d")) and any(path.get(name) not in (None, "none") for name in ("fill", "stroke"))


def _attributes(name: str, element: ElementTree.Element, *, says: bool) -> Iterator[str]:
    for key in _KEPT[name]:
        value = element.get(key)
        if value is not None and (key, value) not in _NEEDLESS:
            yield f' {key}="{escape(_shortened(value, 2 if key.endswith("opacity") else 1))}"'
    said = element.get("aria-label")
    if said and says and element.get("role") == "graphics-symbol":
        yield f' data-say="{escape(said)}"'


def _shortened(text: str, digits: int) -> str:
    """Numbers with more decimals than an eye can tell, rounded."""
    return _LONG.sub(lambda number: f"{round(float(number[0]), digits):g}", text)
