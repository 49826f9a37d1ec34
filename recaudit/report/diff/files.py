"""Which files a diff can be written to, by the ending of the name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recaudit.analyses.diff import Diff
from recaudit.errors import UsageError
from recaudit.report.diff import json, markdown
from recaudit.report.diff.document import compose
from recaudit.text import printable


def _markdown(diff: Diff) -> str:
    return markdown.render(compose(diff))


def _html(diff: Diff) -> str:
    from recaudit.report.diff import html  # templates and a drawing engine that other forms need not wait for

    return html.render(compose(diff))


RENDERERS: dict[str, Callable[[Diff], str]] = {".html": _html, ".json": json.render, ".md": _markdown}
"""Ending to what renders it."""


def renderer(path: Path) -> Callable[[Diff], str]:
    """What renders a diff for a file of this name.

    Raises:
        UsageError: no diff has such an ending.
    """
    if path.suffix not in RENDERERS:
        raise UsageError(
            f"{printable(path)}: no diff of type {printable(path.suffix) or '(none)'}",
            fix=f"end the name in one of: {', '.join(RENDERERS)}",
        )
    return RENDERERS[path.suffix]
