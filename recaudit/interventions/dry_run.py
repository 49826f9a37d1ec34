"""Try an intervention on a stored audit: its price beside controls; nothing is changed unless it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recaudit.interventions import file
from recaudit.interventions.controls import DRAWS, Variant, controls
from recaudit.interventions.directions import POPULARITY
from recaudit.interventions.edits import Intervention
from recaudit.interventions.price import Price
from recaudit.interventions.selections import resolved
from recaudit.interventions.steering import Steering
from recaudit.store import Audit, write
from recaudit.store import interventions as store
from recaudit.store.read import Model, Sae

STEER = {
    "ndcg@10": "steer.ndcg_change@10",
    "hr@10": "steer.hr_change@10",
    "arp@10": "steer.arp_change@10",
    "gini@10": "steer.gini_change@10",
    "coverage@10": "steer.coverage_change@10",
    "tail_coverage@10": "steer.tail_coverage_change@10",
    "long_tail_share@10": "steer.long_tail_share_change@10",
    "miscalibration@10": "steer.miscalibration_change@10",
    "concept_share@10": "steer.concept_share_change@10",
}
"""Measure to the public name of its change; ``overlap`` and ``concept_hit`` are public as they are afterwards."""


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


def keep(audit: Audit, run: write.Run, name: str, found: DryRun, seed: int) -> None:
    """Store an intervention with its prices, and its numbers under their public names."""
    rows = [row for variant, prices, draws in _variants(found) for row in _rows(variant, prices, draws)]
    store.replace(
        audit,
        found.model,
        found.sae,
        name,
        file.to_toml(found.intervention),
        found.protocol,
        rows,
        run.run_id,
    )
    write.replace_metrics(
        audit,
        found.model.model_id,
        None if found.sae is None else found.sae.sae_id,
        list(_metrics(name, found)),
        protocol=found.protocol,
        seed=seed,
        run=run,
    )


def _variants(found: DryRun) -> Iterator[tuple[str, list[Price], int]]:
    yield "edit", found.prices, 1
    for variant in found.controls:
        yield variant.name, variant.prices, variant.draws


def _rows(variant: str, prices: Sequence[Price], draws: int) -> Iterator[Mapping[str, Any]]:
    for price in prices:
        yield {"variant": variant, "draws": draws, **price_row(price)}


def price_row(price: Price) -> dict[str, Any]:
    """Columns that prices have in every table."""
    ratio = price.ratio
    return {
        "metric": price.name,
        "slice": store.slice_text(price.slice),
        "before": price.before,
        "after": price.after,
        "change": price.change,
        "low": price.low,
        "high": price.high,
        "ratio": None if ratio is None else ratio.value,
        "ratio_low": None if ratio is None else ratio.low,
        "ratio_high": None if ratio is None else ratio.high,
        "better": price.better,
        "n": price.n,
    }


def _metrics(name: str, found: DryRun) -> Iterator[write.Metric]:
    for variant, prices, _ in _variants(found):
        own = {"intervention": name} if variant == "edit" else {"intervention": name, "control": variant}
        for price in prices:
            slice_ = {**price.slice, **own}
            if price.name in STEER:
                yield write.Metric(
                    STEER[price.name],
                    price.change,
                    price.n,
                    price.low,
                    price.high,
                    "users",
                    price.better,
                    slice_,
                )
            else:
                shift = price.before
                yield write.Metric(
                    f"steer.{price.name}",
                    price.after,
                    price.n,
                    None if price.low is None else shift + price.low,
                    None if price.high is None else shift + price.high,
                    "users",
                    price.better,
                    slice_,
                )
            if price.ratio is not None and price.name == "ndcg@10":
                ratio = price.ratio
                yield write.Metric(
                    "steer.ndcg_ratio@10",
                    ratio.value,
                    price.n,
                    ratio.low,
                    ratio.high,
                    "users",
                    "higher",
                    slice_,
                )
