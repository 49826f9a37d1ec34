"""What a section of a report may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recaudit.report.model import Exhibit, TableSection
from recaudit.store import Audit
from recaudit.store.read import Model, Sae


@dataclass(frozen=True)
class Context:
    """One model of an audit, one of its dictionaries, and how the report attributes items."""

    audit: Audit
    model: Model
    sae: Sae | None
    rule: str
    """Attribution rule of the latent and item views."""
    beside: tuple[Model, Sae | None] | None = None
    """Another model of the audit, for sections that set two side by side."""


Make = Callable[[Context], list[TableSection]]
Draw = Callable[[Context], list[Exhibit]]
