"""A part of a diff as it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from recaudit.analyses.diff.outcome import Subject
from recaudit.report.layout import Figure, number
from recaudit.report.model import Exhibit, TableSection
from recaudit.text import printable


@dataclass(frozen=True)
class Chapter:
    """Its exhibits, or why there are none."""

    name: str
    title: str
    about: str
    exhibits: list[Exhibit]
    missing: str | None = None


def table(
    name: str,
    title: str,
    caption: str,
    columns: list[str],
    rows: list[list[Any]],
    *,
    of: int | None = None,
    sql: str = "",
) -> TableSection:
    """A table; ``of`` is how many rows there are where not all are shown: the JSON has them."""
    if of is not None and of > len(rows):
        caption = f"{caption} {len(rows):,} of {of:,} shown; `--format json` has all.".strip()
    return TableSection(name, title, caption, columns, rows, sql, len(rows))


def change(
    value: float | None, low: float | None, high: float | None, written: Callable[[float], str] | None = None
) -> Figure:
    """``+0.0104 [+0.0039, +0.0169]``; without its interval where there is none.

    Args:
        written: how a number is written; ``signed`` by default.
    """
    if value is None:
        return Figure("–")
    write = written or signed
    return Figure(
        write(value) if low is None or high is None else f"{write(value)} [{write(low)}, {write(high)}]"
    )


def signed(value: float) -> Figure:
    """A number with its sign."""
    return Figure(f"{'+' if value > 0 else ''}{number(value)}")


def hundredths(value: float) -> Figure:
    """``-.26``: two decimals with a sign, for what lies between 0 and 1."""
    return Figure(f"{value:+.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:+.2f}")


def chance(q: float | None) -> Figure:
    """A q: ``<.001``, ``.034``, ``–`` where nothing was tested."""
    if q is None:
        return Figure("–")
    return Figure("<.001" if q < 0.001 else f"{q:.3f}".replace("0.", ".", 1))


def on(subject: Subject, sql: str) -> str:
    """SQL for one side's audit file, saying which."""
    return f"-- {printable(subject.file)}\n{sql}"
