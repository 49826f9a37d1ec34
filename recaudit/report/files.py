"""Which file a report can be written to, by the ending of its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recaudit.errors import UsageError
from recaudit.report import json, markdown
from recaudit.report.model import Report
from recaudit.text import printable

RENDERERS: dict[str, Callable[[Report], str]] = {".json": json.render, ".md": markdown.render}
"""Ending to what renders it."""


def renderer(path: Path) -> Callable[[Report], str]:
    """What renders a report for a file of this name.

    Raises:
        UsageError: no report has such an ending.
    """
    if path.suffix not in RENDERERS:
        raise UsageError(
            f"{printable(path)}: no report of type {printable(path.suffix) or '(none)'}",
            fix=f"end the name in one of: {', '.join(RENDERERS)}",
        )
    return RENDERERS[path.suffix]
