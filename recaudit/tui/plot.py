"""Drawings in braille dots: two by four to a character."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """``width`` x ``height`` characters over a rectangle of numbers; y grows upwards."""

    def __init__(self, width: int, height: int, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.width, self.height = max(width, 1), max(height, 1)
        self._x, self._y = x, y
        self._cells = [[0] * self.width for _ in range(self.height)]
        self._texts: list[tuple[int, int, str]] = []

    def dot(self, x: float, y: float) -> None:
        """A dot, if it lies within."""
        across, down = self._place(x, y)
        if 0 <= across < self.width * 2 and 0 <= down < self.height * 4:
            self._cells[down // 4][across // 2] |= _DOTS[down % 4][across % 2]

    def line(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """Dots close enough to join points."""
        for (x0, y0), (x1, y1) in zip(
            zip(xs, ys, strict=True), zip(xs[1:], ys[1:], strict=True), strict=False
        ):
            a, b = self._place(x0, y0), self._place(x1, y1)
            steps = max(abs(a[0] - b[0]), abs(a[1] - b[1]), 1)
            for step in range(steps + 1):
                share = step / steps
                self.dot(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)

    def text(self, x: float, y: float, text: str) -> None:
        """A word beside a point; one that would cover another is left out."""
        across, down = self._place(x, y)
        row, column = down // 4, across // 2 + 1
        if column + cell_len(text) > self.width:
            column = max(across // 2 - cell_len(text), 0)
        taken = any(
            row == other and column < at + cell_len(said) + 1 and at < column + cell_len(text) + 1
            for other, at, said in self._texts
        )
        if 0 <= row < self.height and not taken and cell_len(text) <= self.width:
            self._texts.append((row, column, text))

    def lines(self) -> list[str]:
        """What was drawn, from the top."""
        drawn = ["".join(chr(0x2800 + cell) if cell else " " for cell in row) for row in self._cells]
        for row, column, text in sorted(self._texts, key=lambda said: -said[1]):
            line = drawn[row]
            drawn[row] = line[:column] + text + line[column + cell_len(text) :]
        return [set_cell_size(line, self.width).rstrip() for line in drawn]

    def _place(self, x: float, y: float) -> tuple[int, int]:
        (x0, x1), (y0, y1) = self._x, self._y
        across = (x - x0) / ((x1 - x0) or 1) * (self.width * 2 - 1)
        down = (y1 - y) / ((y1 - y0) or 1) * (self.height * 4 - 1)
        return round(across), round(down)


def framed(canvas: Canvas, x: tuple[str, str, str], y: tuple[str, str, str]) -> list[str]:
    """A canvas with axes. ``x`` and ``y`` are least, name and most, as they are to be written."""
    side = max(cell_len(y[0]), cell_len(y[2]))
    lines = [f"{y[1]} ↑"]
    body = canvas.lines()
    for number, line in enumerate(body):
        said = y[2] if number == 0 else y[0] if number == len(body) - 1 else ""
        lines.append(f"{said:>{side}} │{line}")
    lines.append(f"{'':>{side}} └{'─' * canvas.width}")
    middle = canvas.width - cell_len(x[0]) - cell_len(x[2])
    name = set_cell_size(x[1], min(cell_len(x[1]), max(middle - 2, 0)))
    lines.append(f"{'':>{side}}  {x[0]}{name:^{middle}}{x[2]}")
    return lines


def spread(values: Sequence[float], around: float = 0.04) -> tuple[float, float]:
    """Least and most with a little room; never an empty stretch."""
    least, most = (min(values), max(values)) if len(values) else (0.0, 1.0)
    room = (most - least) * around or abs(most) or 1.0
    return least - room, most + room
