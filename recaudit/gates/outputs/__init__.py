"""What people and CI systems read of a gate; the ending of a file's name says which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recaudit.errors import UsageError
from recaudit.gates.outcome import GateRun
from recaudit.gates.outputs import json, junit, markdown, sarif
from recaudit.text import printable

RENDERERS: dict[str, Callable[[GateRun], str]] = {
    ".json": json.render,
    ".xml": junit.render,
    ".sarif": sarif.render,
    ".md": markdown.render,
}
"""Ending to what renders it; ``.xml`` is JUnit's."""


def renderer(path: Path) -> Callable[[GateRun], str]:
    """What renders a gate for a file of this name.

    Raises:
        UsageError: nothing has such an ending.
    """
    if path.suffix not in RENDERERS:
        raise UsageError(
            f"{printable(path)}: nothing of a gate is written to {printable(path.suffix) or 'a file without ending'}",
            fix=f"end the name in one of: {', '.join(RENDERERS)}",
        )
    return RENDERERS[path.suffix]
