"""A part of a diff as it is shown."""

from __future__ import annotations

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
    """A table; ``of`` is how many rows there are where not all are shown."""
    return TableSection(name, title, caption, columns, rows, sql, len(rows) if of is None else of)


def change(value: float | None, low: float | None, high: float | None) -> Figure:
    """``+0.0104 [+0.0039, +0.0169]``; without its interval where there is none."""
    if value is None:
        return Figure("–")
    text = signed(value)
    return Figure(text if low is None or high is None else f"{text} [{signed(low)}, {signed(high)}]")


def signed(value: float) -> Figure:
    """A number with its sign."""
    return Figure(f"{'+' if value > 0 else ''}{number(value)}")


def on(subject: Subject, sql: str) -> str:
    """SQL for one side's audit file, saying which."""
    return f"-- {printable(subject.file)}\n{sql}"
