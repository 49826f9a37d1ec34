"""Many trainings of one model: which size, sparsity or loss keeps most of it? Dictionaries are measured and let go."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from recaudit.analyses import concepts, fidelity, health, inputs, ranking
from recaudit.analyses.protocol import protocol_named
from recaudit.dictionaries.entities import ENCODED_KINDS, Entities
from recaudit.dictionaries.storing import add_dictionary
from recaudit.dictionaries.train import prepare, weights_digest
from recaudit.errors import UsageError
from recaudit.labels.run import figures_of
from recaudit.sae.training.record import Trained
from recaudit.sae.training.settings import Settings, with_loss
from recaudit.sae.training.trainer import train
from recaudit.store import Audit, read, reading, sweeps, write, writing
from recaudit.store.read import Model
from recaudit.text import printable

AXES = ("scale", "latents", "k", "kind", "prediction", "learning_rate", "batch")
"""What a sweep can vary; ``prediction`` is the weight of that term of the loss."""


@dataclass(frozen=True)
class SweepRequest:
    """What to sweep, as the command line says it."""

    db: Path
    base: Settings
    grid: Mapping[str, Sequence[Any]]
    """Axis to its values."""
    seeds: int = 1
    model: str | None = None
    jobs: int = 1
    with_concepts: bool = True
    """Also measure coverage and monosemanticity, and try names of the latents."""
    arguments: Mapping[str, Any] = field(default_factory=dict)


def settings_of(request: SweepRequest) -> list[Settings]:
    """One for each point of the grid and seed, in the order of the grid.

    Raises:
        UsageError: an axis that is none.
    """
    for axis in request.grid:
        if axis not in AXES:
            raise UsageError(
                f"a sweep cannot vary {printable(axis)}", fix=f"choose one of: {', '.join(AXES)}"
            )
    found = []
    for values in product(*request.grid.values()):
        changed = dict(zip(request.grid, values, strict=True))
        prediction = changed.pop("prediction", None)
        settings = replace(request.base, **changed)
        if prediction is not None:
            settings = with_loss(settings, {"prediction": prediction})
        found += [replace(settings, seed=request.base.seed + seed) for seed in range(request.seeds)]
    return found


def sweep(request: SweepRequest, progress: Callable[[int, int, Settings], None]) -> int:
    """Train every point that has not been measured yet, in parallel; store its numbers as it comes.

    A killed sweep loses the points that were under way, no other.

    Args:
        progress: told points done, points to do, and the settings of the newest.

    Returns:
        Points trained now.
    """
    wanted = settings_of(request)
    with writing(request.db) as audit:  # an older file is brought to this version before anybody reads it
        model = read.model_named(audit, request.model)
        run = write.Run("sweep", dict(request.arguments), request.base.seed, [model.sha256])
        write.add_run(audit, run)
        known = sweeps.known_points(audit, model)
        if not read.has_lists(audit, model.model_id, model.protocol):
            loaded = inputs.load(audit, model, protocol_named(model.protocol), request.base.seed)
            ranking.analyse(audit, loaded, run)
    todo = [settings for settings in wanted if settings.digest not in known]
    for done, (settings, trained) in enumerate(_trained(request, model, todo), start=1):
        with writing(request.db) as audit:
            _measure(audit, read.model_named(audit, model.name), settings, trained, run, request)
        progress(done, len(todo), settings)
    return len(todo)


def _trained(
    request: SweepRequest, model: Model, todo: Sequence[Settings]
) -> Iterator[tuple[Settings, Trained]]:
    if request.jobs == 1 or len(todo) < 2:
        for settings in todo:
            yield settings, _train(request.db, model.name, settings)
        return
    # A fresh process each: a fork would share DuckDB's and torch's threads with this one. And a copy of the
    # audit: the file itself is written whenever a point is done, which shuts readers out.
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(min(request.jobs, len(todo)), mp_context=context) as pool,
    ):
        copy = shutil.copyfile(request.db, Path(folder) / "audit.duckdb")
        running = {pool.submit(_train, copy, model.name, settings): settings for settings in todo}
        for finished in as_completed(running):
            yield running[finished], finished.result()


def _train(db: Path, model: str, settings: Settings) -> Trained:
    prepared = prepare(db, model, settings)
    return train(prepared.data, prepared.settings, prepared.judge)


def _measure(
    audit: Audit, model: Model, settings: Settings, trained: Trained, run: write.Run, request: SweepRequest
) -> None:
    """Store the dictionary, analyse it as any other, keep the numbers and let it go, all in one transaction."""
    entities = Entities.load(audit, model, ENCODED_KINDS)
    sae_id = add_dictionary(
        audit, model.model_id, entities, trained.spec, name=f"sweep:{settings.digest}", sha256=weights_digest(trained.spec),
        run=run, seed=settings.seed, site=settings.site, with_controls=False,
    )  # fmt: skip
    sae = read.find_sae(audit, model, f"sweep:{settings.digest}")
    assert sae is not None
    loaded = inputs.load(audit, model, protocol_named(model.protocol), settings.seed)
    fidelity.analyse(audit, loaded, sae, run)
    health.analyse(audit, model, sae, seed=settings.seed, run=run)
    if request.with_concepts:
        concepts.analyse(audit, model, sae, [], seed=settings.seed, run=run)
        names = figures_of(audit, model, sae, seed=settings.seed)
        write.replace_metrics(
            audit, model.model_id, sae_id, names, protocol="labels default", seed=settings.seed, run=run
        )
    sweeps.keep_point(audit, model, sae, settings.digest, asdict(settings), trained.looks[-1].seconds, run)
    write.remove_sae(audit, sae_id)


MEASURED = {
    "fidelity.ndcg_ratio@10": {},
    "fidelity.overlap@10": {},
    "fidelity.rbo@30": {},
    "fidelity.kendall_tau@30": {},
    "fidelity.explained_variance": {"cases": "test"},
    "sae.l0": {},
    "sae.dead_share": {},
    "coverage.latents_with_concept": None,
    "monosemanticity.mean": None,
    "labels.count@0.8": {"labeller": "statistics"},
    "labels.share@0.8": {"labeller": "statistics"},
    "training.seconds": {},
}
"""Columns of the result, with the slice that each is read at; None for the first there is."""


def table(db: Path, model_name: str | None) -> pd.DataFrame:
    """What a model's sweeps found, a row a point: every axis, ``seed``, and ``MEASURED`` with ``:low``, ``:high``."""
    with reading(db) as audit:
        found = sweeps.points(audit, read.model_named(audit, model_name))
    rows = []
    for (_, settings), numbers in found.groupby(["point", "settings"], sort=False):
        row = _axes(json.loads(str(settings)))
        for metric, slice_ in MEASURED.items():
            row |= _columns(metric, numbers[numbers["metric"] == metric], slice_)
        rows.append(row)
    return pd.DataFrame(rows).sort_values([*AXES, "seed"], ignore_index=True) if rows else pd.DataFrame()


def _axes(settings: dict[str, Any]) -> dict[str, Any]:
    said = {**settings, "prediction": settings["loss"]["prediction"]}
    return {axis: said[axis] for axis in (*AXES, "seed")}


def _columns(metric: str, numbers: pd.DataFrame, slice_: dict[str, str] | None) -> dict[str, float]:
    if slice_ is not None:
        wanted = json.dumps(slice_, sort_keys=True)
        exact = numbers[numbers["slice"] == wanted]
        numbers = exact if len(exact) else numbers
    if numbers.empty:
        return {}
    first = numbers.iloc[0]
    return {metric: first["value"], f"{metric}:low": first["low"], f"{metric}:high": first["high"]}
