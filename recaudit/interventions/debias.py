"""Search on a stored audit, and keep what was found: the front, and the best edit of latents with its price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recaudit.interventions.keeping import keep_search
from recaudit.interventions.search import Found, searched
from recaudit.interventions.steering import Steering
from recaudit.interventions.targets import target_named
from recaudit.store import read, reading, writing
from recaudit.store.read import Model


@dataclass(frozen=True)
class Request:
    """See ``recaudit debias``."""

    db: Path
    model: str | None
    target: str = "popularity"
    max_loss: float = 0.01
    more: bool = False
    sae: str | None = None
    protocol: str | None = None
    seed: int = 0
    save: str | None = None
    """What to call the best edit of latents; None keeps nothing."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the ``runs`` table, beside the settings."""


def debias(
    request: Request,
    progress: Callable[[str], None] = lambda stage: None,
    counted: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Model, Found]:
    """Search, and with ``save`` keep; where no edit of latents was within the loss, the front alone is kept.

    Args:
        counted: told points done and points in all.

    Raises:
        UsageError, NoVerdictError: as ``target_named`` and ``searched``.
    """
    progress("reading")
    watched = [request.target.removeprefix("concept:")] if request.target.startswith("concept:") else []
    with reading(request.db) as audit:
        model = read.model_named(audit, request.model)
        sae = read.find_sae(audit, model, request.sae)
        steering = Steering.of_audit(
            audit, model, sae, watched=watched, protocol=request.protocol, seed=request.seed
        )
    target = target_named(steering, request.target, more=request.more)
    progress("searching")
    found = searched(steering, target, max_loss=request.max_loss, seed=request.seed, progress=counted)
    if request.save is not None:
        with writing(request.db) as audit:
            keep_search(audit, model, sae, steering, found, request.save, request.seed, request.arguments)
    return model, found
