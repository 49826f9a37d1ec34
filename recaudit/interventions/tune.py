"""Tune concepts of a stored audit and keep the figures; bring items to audiences likewise. One transaction each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recaudit.errors import NoVerdictError, UsageError
from recaudit.interventions import promotion, tuning
from recaudit.interventions.selections import latents_of
from recaudit.interventions.steering import Steering
from recaudit.store import Audit, read, reading, tunings, write, writing
from recaudit.store import concepts as concept_store
from recaudit.store import interventions as store
from recaudit.store.read import Model, Sae
from recaudit.text import printable

Progress = Callable[[str], None]
KIND = "genre"
"""Concepts of this kind are tuned where none is named."""


@dataclass(frozen=True)
class TuneRequest:
    """See ``recaudit tune``."""

    db: Path
    model: str | None
    concepts: tuple[str, ...] = ()
    levels: str = tuning.LEVELS
    draws: int = tuning.DRAWS
    sae: str | None = None
    protocol: str | None = None
    seed: int = 0
    alone: bool = False
    """What is kept of other concepts goes."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the ``runs`` table, beside the settings."""


@dataclass(frozen=True)
class PromoteRequest:
    """See ``recaudit promote``."""

    db: Path
    model: str | None
    items: tuple[str, ...]
    latents: str
    audience: str = promotion.EVERYONE
    levels: tuple[float, ...] = promotion.LEVELS
    draws: int = tuning.DRAWS
    sae: str | None = None
    protocol: str | None = None
    seed: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the ``runs`` table, beside the settings."""


def tune(request: TuneRequest, progress: Progress = lambda stage: None) -> list[str]:
    """Tune every concept asked for that has a latent; returns those that have none.

    Raises:
        UsageError: no such concept, level or dictionary of users' vectors. NoVerdictError: the data names no genres.
    """
    levels = tuning.levels_named(request.levels)
    progress("reading")
    with reading(request.db) as audit:
        model = read.model_named(audit, request.model)
        sae = _of_users(audit, model, request.sae)
        names = request.concepts or _all_of(audit, model)
        steering = Steering.of_audit(
            audit, model, sae, watched=names, protocol=request.protocol, seed=request.seed
        )
        watched = {f"{one.kind}:{one.name}": one for one in steering.yardstick.concepts}
        latents = {name: store.latents_of_concept(audit, sae, name)[:1] for name in watched}
        cavs = {name: store.cav_direction(audit, model, name) for name in watched}
    rows: list[tuning.Row] = []
    for name, concept in watched.items():
        if latents[name]:
            progress(f"tuning {printable(name, 40)}")
            direction = tuning.toward(steering, concept, cavs[name])
            rows += tuning.tuned(
                steering,
                concept,
                latents[name][0],
                levels,
                direction=direction,
                draws=request.draws,
                seed=request.seed,
            )
    said = {
        "model": model.name, "sae": sae.name, "concepts": list(request.concepts), "levels": request.levels,
        "draws": request.draws, **request.arguments,
    }  # fmt: skip
    run = write.Run("tune", said, request.seed, [model.sha256])
    with writing(request.db) as audit:
        write.add_run(audit, run)
        if request.alone:
            tunings.clear_tunings(audit, sae)
        tunings.replace_tunings(audit, model, sae, steering.bench.field.protocol.name, rows, run.run_id)
    return [name for name, found in latents.items() if not found]


def promote(request: PromoteRequest, progress: Progress = lambda stage: None) -> None:
    """Promote each item to the audience, and keep the figures.

    Raises:
        UsageError: no such item, audience, selection, or dictionary of items' vectors.
        NoVerdictError: the audience is too small, or the selection finds nothing.
    """
    progress("reading")
    with reading(request.db) as audit:
        model = read.model_named(audit, request.model)
        sae = read.sae_of(audit, model, request.sae)
        latents = _chosen(audit, model, sae, request.latents)
        watched = promotion.concept_of_audience(request.audience)
        steering = Steering.of_audit(
            audit,
            model,
            sae,
            watched=[watched[0]] if watched else [],
            protocol=request.protocol,
            seed=request.seed,
        )
        audience = promotion.audience_named(audit, steering, request.audience)
        indices = {raw: read.item_index(audit, model, raw) for raw in request.items}
    found = {}
    for raw in request.items:
        progress(f"promoting {printable(raw, 40)}")
        rows = promotion.promoted(
            steering, raw, audience, latents, request.levels, draws=request.draws, seed=request.seed
        )
        found[raw] = [{"selection": request.latents, **row} for row in rows]
    said = {
        "model": model.name, "sae": sae.name, "items": list(request.items), "latents": request.latents,
        "audience": request.audience, "levels": list(request.levels), "draws": request.draws, **request.arguments,
    }  # fmt: skip
    run = write.Run("promote", said, request.seed, [model.sha256])
    protocol = steering.bench.field.protocol.name
    with writing(request.db) as audit:
        write.add_run(audit, run)
        for raw, grid in found.items():
            tunings.replace_promotions(
                audit, model, sae, protocol, indices[raw], request.audience, grid, run.run_id
            )


def _of_users(audit: Audit, model: Model, name: str | None) -> Sae:
    sae = read.sae_of(audit, model, name)
    if "case" not in sae.entity_kinds:
        raise UsageError(
            f"{printable(sae.name)} takes items' vectors apart, and lists are users'",
            fix="train one with --site user or both, and name it with --sae",
        )
    return sae


def _all_of(audit: Audit, model: Model) -> tuple[str, ...]:
    frame, *_ = concept_store.item_concepts(audit, model.dataset_id)
    names = frame.loc[frame["kind"] == KIND, "name"]
    if names.empty:
        raise NoVerdictError("the data names no genres of items", fix="name concepts with --concept")
    return tuple(f"{KIND}:{name}" for name in names)


def _chosen(audit: Audit, model: Model, sae: Sae, words: str) -> list[int]:
    """``12,40``, or a selection."""
    if all(part.strip().isdigit() for part in words.split(",")):
        latents = [int(part) for part in words.split(",")]
        beyond = next((latent for latent in latents if latent >= sae.n_latents), None)
        if beyond is not None:
            raise UsageError(
                f"latent {beyond} is beyond the {sae.n_latents:,} of {printable(sae.name)}",
                fix="list them with `recaudit latents`",
            )
        return latents
    return list(latents_of(audit, model, sae, words))
