"""Try an intervention on a stored audit: its price beside controls; nothing is changed unless it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recaudit.interventions.controls import DRAWS, Variant, controls
from recaudit.interventions.directions import POPULARITY
from recaudit.interventions.edits import Intervention
from recaudit.interventions.price import Price
from recaudit.interventions.selections import resolved
from recaudit.interventions.steering import Steering
from recaudit.store import Audit
from recaudit.store.read import Model, Sae


@dataclass(frozen=True)
class DryRun:
    """An intervention, resolved, with its price and those of its controls."""

    intervention: Intervention
    model: Model
    sae: Sae | None
    protocol: str
    prices: list[Price]
    controls: list[Variant]


def tried(
    audit: Audit,
    model: Model,
    intervention: Intervention,
    *,
    sae: Sae | None,
    watched: Sequence[str] = (),
    protocol: str | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    with_controls: bool = True,
) -> DryRun:
    """Args:
        sae: the dictionary whose latents are edited; None where the model has none.
        watched: concepts whose places in lists are counted.
        draws: of random controls; 0 leaves those out.

    Raises:
        UsageError, NoVerdictError: as ``selections.resolved`` and ``Steering.of_audit``.
    """
    chosen = resolved(audit, model, sae, intervention)
    named = {edit.direction for edit in chosen.edits if edit.direction}
    # The popularity direction is a control of every edit of users, where the model has one.
    named |= {POPULARITY} if model.head == "dot" else set()
    steering = Steering.of_audit(
        audit, model, sae, directions=sorted(named), watched=watched, protocol=protocol, seed=seed
    )
    after = steering.outcome(chosen)
    return DryRun(
        chosen,
        model,
        sae if chosen.of_latents else None,
        steering.bench.field.protocol.name,
        steering.priced(chosen, seed=seed),
        controls(steering, chosen, after, seed=seed, draws=draws) if with_controls else [],
    )
