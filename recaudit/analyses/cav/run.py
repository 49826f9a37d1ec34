"""One run: fit, judge, hold against users and ratings, lay out, store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav import findings, quality
from recaudit.analyses.cav.against_ratings import store_alignment
from recaudit.analyses.cav.batch import Batch, described, fill, place, quality_metrics
from recaudit.analyses.cav.directions import fitted, resampled, workbench
from recaudit.analyses.cav.labels import Labels, contrasted, labelled
from recaudit.analyses.cav.material import load
from recaudit.analyses.cav.quality import PRESENT, UNSTABLE
from recaudit.analyses.cav.sensitivity import sensitivities
from recaudit.analyses.cav.settings import Settings
from recaudit.analyses.cav.storing import store_geometry, store_groups, store_latents, store_sensitivities
from recaudit.store import Audit, write
from recaudit.store import cav as store
from recaudit.store.read import Model
from recaudit.store.write import Run

BoolArray = NDArray[np.bool_]
Progress = Callable[[str], None]


def analyse(
    audit: Audit,
    model: Model,
    settings: Settings,
    run: Run,
    *,
    ratings_path: Path | None = None,
    progress: Progress = lambda stage: None,
) -> None:
    """CAVs of every concept with enough items, and everything that hangs on them, replacing earlier ones.

    Raises as ``material.load`` and ``ratings.of_file``.
    """
    material = load(audit, model, settings)
    concepts = material.concepts
    labels = labelled(concepts.has, concepts.kind, material.decile, settings)
    everyone = np.arange(len(concepts.concept_id))
    batch = Batch(material, settings, everyone, np.full(len(everyone), -1), labels, _enough(labels, settings))
    store.remove_variant(audit, model.model_id, settings.variant)
    _run(audit, batch, run, ratings_path, progress)


def analyse_pair(
    audit: Audit,
    model: Model,
    settings: Settings,
    pair: tuple[int, int],
    run: Run,
    *,
    ratings_path: Path | None = None,
    progress: Progress = lambda stage: None,
) -> None:
    """A relative CAV: items with one concept only against items with the other only (concept ids)."""
    material = load(audit, model, settings)
    first, second = (int(np.searchsorted(material.concepts.concept_id, concept)) for concept in pair)
    labels = contrasted(material.concepts.has, first, second)
    batch = Batch(
        material, settings, np.array([first]), np.array([second]), labels, _enough(labels, settings)
    )
    store.remove_variant(audit, model.model_id, settings.variant, [pair])
    _run(audit, batch, run, ratings_path, progress)


def _enough(labels: Labels, settings: Settings) -> BoolArray:
    return np.minimum(labels.n_positive, labels.n_negative) >= settings.least_items


def _run(audit: Audit, batch: Batch, run: Run, ratings_path: Path | None, progress: Progress) -> None:
    material, settings, model = batch.material, batch.settings, batch.material.model
    first_id = store.next_cav_id(audit)
    tested = np.flatnonzero(batch.enough)
    frame = described(batch, first_id, run)
    if len(tested):
        labels = batch.labels.only(tested)
        progress(f"fitting {len(tested)} concepts")
        bench = workbench(material.vectors, labels, settings)
        fits, solution = fitted(bench, labels, settings)
        rng = np.random.default_rng([settings.seed, 7])
        n = len(material.vectors)
        counts = rng.multinomial(n, np.full(n, 1 / n), size=settings.bootstraps).T.astype(np.float64)
        progress("held-out quality")
        judged = quality.held_out(bench, labels, fits, counts, settings)
        progress(f"{settings.permutations:,} permutations")
        p = quality.permutation_p(bench, labels, fits, material.decile, settings)
        progress(f"{settings.bootstraps} bootstraps")
        draws = resampled(bench, labels, fits, solution, counts)
        null = np.quantile(
            quality.random_cosines(bench, labels, fits, material.decile, settings), [0.025, 0.975]
        )
        fill(frame, tested, fits, judged, p, quality.stability(draws), settings)
    place(frame, batch)
    store.add(audit, "cavs", model.model_id, frame)
    metrics = quality_metrics(frame, batch)
    if len(tested):
        progress("angles and maps")
        store_geometry(audit, batch, frame, tested, fits, draws, null)
        shown = frame.index[frame["verdict"].isin([PRESENT, UNSTABLE])].to_numpy()
        if len(shown):
            progress("users, groups, latents")
            directions = np.stack(frame.loc[shown, "direction"].to_list())
            found = sensitivities(material.gradients, directions)
            cav_ids = frame.loc[shown, "cav_id"].to_numpy()
            store_sensitivities(audit, batch, cav_ids, found)
            store_groups(audit, batch, cav_ids, found)
            store_latents(audit, batch, cav_ids, directions, found, bench, fits, tested, shown)
            progress("ratings")
            metrics += store_alignment(audit, batch, frame.loc[shown], found, ratings_path)
    write.replace_metrics(
        audit, model.model_id, None, metrics, protocol=settings.variant, seed=settings.seed, run=run
    )
    said = findings.about(audit, model, settings)
    write.replace_findings(
        audit, model.model_id, settings.variant, [(None, finding) for finding in said], run
    )
