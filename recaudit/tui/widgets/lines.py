"""Lines that are already cut, padded and styled, painted as they are.

Textual's ``Content`` wraps, aligns and divides every line anew; a table's rows need none of it, and are most of what is painted.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

Part = tuple[str, str]
"""Text and its style, with theme variables; no style for that of the widget."""


class Lines(Visual):
    """One below the other; what is wider than the widget is cropped."""

    def __init__(self, lines: Sequence[Sequence[Part]]) -> None:
        self._lines = lines

    @property
    def plain(self) -> str:
        """The text alone."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """Strips of the lines, their styles over ``style``."""
        names = {name for line in self._lines for _, name in line}
        styles = {name: (style + options.get_style(name) if name else style).rich_style for name in names}
        return [
            Strip([Segment(text, styles[name]) for text, name in line]).crop(0, width)
            for line in self._lines[:height]
        ]

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """Of the widest line."""
        return max((sum(cell_len(text) for text, _ in line) for line in self._lines), default=0)

    def get_height(self, rules: RulesMap, width: int) -> int:
        """A line each, however wide."""
        return len(self._lines)
