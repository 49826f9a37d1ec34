"""Interventions and searches into the audit file, and their numbers under public names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recaudit.interventions import file
from recaudit.interventions.controls import controls
from recaudit.interventions.dry_run import DryRun
from recaudit.interventions.price import Price
from recaudit.interventions.search import Chosen, Found, Point
from recaudit.interventions.steering import Steering
from recaudit.metrics.intervals import Estimate
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


def keep_search(
    audit: Audit,
    model: Model,
    sae: Sae | None,
    steering: Steering,
    found: Found,
    name: str,
    seed: int,
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Store a search's points, and its best edit of latents, if there is one, as an intervention with its price.

    Args:
        arguments: for the ``runs`` table, beside the settings.
    """
    said = {"model": model.name, "name": name, "target": found.target.name, "max_loss": found.max_loss}
    run = write.Run("debias", {**said, **(arguments or {})}, seed, [model.sha256])
    write.add_run(audit, run)
    protocol = steering.bench.field.protocol.name
    store.replace_front(audit, model, sae, found.target.name, list(_points(found, protocol)), run.run_id)
    own = found.chosen.get("latents")
    if own is None:
        return
    edit = own.point.intervention
    assert edit is not None
    dry = DryRun(
        edit, model, sae, protocol, steering.priced(edit, seed=seed),
        controls(steering, edit, steering.outcome(edit), seed=seed),
    )  # fmt: skip
    keep(audit, run, name, dry, seed)


def _points(found: Found, protocol: str) -> Iterator[dict[str, Any]]:
    for point in found.points:
        best = found.chosen.get(point.method)
        chosen = best if best is not None and best.point is point else None
        for users, value, before, kept in zip(
            ("validation", "test"), point.value, found.before, point.kept, strict=True
        ):
            shared = {
                "method": point.method, "setting": json.dumps(point.setting, sort_keys=True), "users": users,
                "protocol": protocol, "chosen": chosen is not None, "slice": "{}",
            }  # fmt: skip
            on_test = chosen if users == "test" else None
            n = found.halves.test.sum() if users == "test" else found.halves.validation.sum()
            yield shared | _row(
                found.target.measure, before, value, "lower" if found.target.sign > 0 else "higher",
                n,
                None if on_test is None else on_test.change, None,
            )  # fmt: skip
            yield shared | _row(
                "ndcg kept", 1.0, kept, "higher", 0, None, None if on_test is None else on_test.kept
            )
        yield from _summaries(found, point, protocol, chosen)


def _summaries(found: Found, point: Point, protocol: str, chosen: Chosen | None) -> Iterator[dict[str, Any]]:
    for metric, after in point.summary.items():
        yield {
            "method": point.method, "setting": json.dumps(point.setting, sort_keys=True), "users": "all",
            "protocol": protocol, "chosen": chosen is not None, "slice": "{}",
        } | _row(metric, found.summary[metric], after, "none", len(found.halves.test), None, None)  # fmt: skip


def _row(
    metric: str,
    before: float,
    after: float,
    better: str,
    n: int,
    change: Estimate | None,
    ratio: Estimate | None,
) -> dict[str, Any]:
    return {
        "metric": metric, "before": before, "after": after, "change": after - before,
        "low": None if change is None else change.low, "high": None if change is None else change.high,
        "ratio": None if ratio is None else ratio.value, "ratio_low": None if ratio is None else ratio.low,
        "ratio_high": None if ratio is None else ratio.high, "better": better, "n": int(n),
    }  # fmt: skip


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
        yield {"variant": variant, "draws": draws, **_price_row(price)}


def _price_row(price: Price) -> dict[str, Any]:
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
