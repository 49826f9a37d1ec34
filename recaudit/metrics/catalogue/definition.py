"""What the catalogue says of a metric."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "this project"


@dataclass(frozen=True)
class Definition:
    """One metric as people need it. ``better`` is ``higher``, ``lower`` or ``none``."""

    name: str
    title: str
    definition: str
    range: str
    better: str
    source: str
