"""Is a concept in the item vectors? Held-out AUC with its interval, permutation test, stability, verdict."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav.crossval import held_out_scores, one_auc, stratified_folds
from recaudit.analyses.cav.directions import Fits, Workbench, directions_of
from recaudit.analyses.cav.labels import Labels
from recaudit.analyses.cav.settings import Settings
from recaudit.analyses.cav.solver import LOOSE, ROUGH, chunks
from recaudit.metrics import heldout

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

PRESENT, NOT_PRESENT, UNSTABLE, INSUFFICIENT = "present", "not present", "unstable", "insufficient"
_NULL_COSINES = 20_000
"""Cosines of random concepts that are enough for the spread of an angle by chance."""


@dataclass(frozen=True)
class Quality:
    """Per concept [concepts]; ``fold_auc`` [concepts, repeats x folds]."""

    auc: FloatArray
    low: FloatArray
    high: FloatArray
    fold_auc: FloatArray
    average_precision: FloatArray
    base_rate: FloatArray
    balanced_accuracy: FloatArray


def held_out(bench: Workbench, labels: Labels, fits: Fits, counts: FloatArray, settings: Settings) -> Quality:
    """AUC, average precision and balanced accuracy of repeated stratified cross-validation.

    The interval is over items: the same held-out scores, items drawn again.

    Args:
        counts: [items, draws] of the bootstrap.
    """
    n_concepts, folds = len(fits.penalty), settings.folds
    by_fold = np.empty((settings.repeats, folds, n_concepts))
    drawn = np.zeros((n_concepts, counts.shape[1]))
    precision, accuracy = np.zeros(n_concepts), np.zeros(n_concepts)
    for repeat in range(settings.repeats):
        rng = np.random.default_rng([settings.seed, 3, repeat])
        fold = stratified_folds(labels.positive, labels.used, folds, rng)
        scores, _ = held_out_scores(bench.exact, bench.x, labels, fold, fits.penalty, tolerance=LOOSE)
        for concept in range(n_concepts):
            column = (scores[:, concept], labels.positive[:, concept], fold[:, concept])
            both = np.column_stack([np.ones(len(scores)), counts])
            found = heldout.weighted_auc(*column, both, folds)
            by_fold[repeat, :, concept] = found[:, 0]
            drawn[concept] += np.nanmean(found[:, 1:], axis=0) / settings.repeats
        precision += heldout.average_precision(scores, labels.positive, fold) / settings.repeats
        accuracy += heldout.balanced_accuracy(scores, labels.positive, fold) / settings.repeats
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    return Quality(
        auc=by_fold.mean(axis=(0, 1)),
        low=low,
        high=high,
        fold_auc=by_fold.reshape(-1, n_concepts).T,
        average_precision=precision,
        base_rate=labels.n_positive / np.maximum(labels.n_positive + labels.n_negative, 1),
        balanced_accuracy=accuracy,
    )


def permutation_p(
    bench: Workbench, labels: Labels, fits: Fits, decile: IntArray, settings: Settings
) -> FloatArray:
    """``(1 + draws at least as good) / (1 + draws)`` of one cross-validated AUC, refitted on shuffled labels: [concepts].

    Draws and data are judged alike: one cross-validation with fresh folds, C kept. Where labels are shuffled
    freely the null depends on nothing but how many items are positive, and on C: concepts that agree in both
    share their draws.
    """
    everyone = np.arange(len(fits.penalty))
    seeds = [settings.seed, 4]
    observed = np.concatenate(
        [
            one_auc(
                bench.quick,
                bench.x,
                labels.only(part),
                fits.penalty[part],
                settings.folds,
                np.random.default_rng([*seeds, 0]),
                ROUGH,
            )
            for part in np.array_split(everyone, max(1, len(everyone) // 64))
        ]
    )
    shareable = settings.null == "free" and labels.covariates is None and bool(labels.used.all())
    keys = [
        (int(labels.n_positive[concept]), float(fits.penalty[concept])) if shareable else (int(concept), 0.0)
        for concept in everyone
    ]
    first = {key: concept for concept, key in reversed(list(enumerate(keys)))}

    def null(key: tuple[int, float]) -> FloatArray:
        concept = first[key]
        rng = np.random.default_rng([*seeds, 1, concept])
        return _null_aucs(bench, labels, concept, float(fits.penalty[concept]), decile, settings, rng)

    # Each null has draws of its own, so threads change no number; numpy works outside the interpreter's lock.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        nulls = dict(zip(first, pool.map(null, first), strict=True))
    # Rounding must not decide a tie between a draw and the data.
    beaten = np.array([(nulls[key] >= observed[concept] - 1e-9).sum() for concept, key in enumerate(keys)])
    p: FloatArray = (1 + beaten) / (1 + settings.permutations)
    return p


def _null_aucs(
    bench: Workbench,
    labels: Labels,
    concept: int,
    penalty: float,
    decile: IntArray,
    settings: Settings,
    rng: np.random.Generator,
) -> FloatArray:
    stratum = decile if settings.null == "deciles" else np.zeros_like(decile)
    found = np.empty(settings.permutations)
    for part in chunks(len(bench.x) * settings.folds, settings.permutations):
        draws = part.stop - part.start
        own = labels.only(np.full(draws, concept))
        positive = shuffled(labels.positive[:, concept], labels.used[:, concept], stratum, draws, rng)
        drawn = Labels(positive, own.used, own.covariates, own.held)
        found[part] = one_auc(
            bench.quick, bench.x, drawn, np.full(draws, penalty), settings.folds, rng, ROUGH
        )
    return found


def shuffled(
    positive: BoolArray, used: BoolArray, stratum: IntArray, draws: int, rng: np.random.Generator
) -> BoolArray:
    """Labels dealt anew among the items used, within strata: [items, draws]."""
    found = np.zeros((len(positive), draws), bool)
    for number in np.unique(stratum[used]):
        pool = np.flatnonzero(used & (stratum == number))
        n_positive = int(positive[pool].sum())
        place = np.argsort(rng.random((len(pool), draws)), axis=0)[:n_positive]
        found[pool[place], np.arange(draws)] = True
    return found


def stability(directions: NDArray[np.float32]) -> FloatArray:
    """Mean cosine between the directions of two bootstrap draws: [concepts], from [draws, concepts, dim]."""
    draws = len(directions)
    total = np.linalg.norm(directions.sum(axis=0, dtype=np.float64), axis=1) ** 2
    own = (directions.astype(np.float64) ** 2).sum(axis=(0, 2))
    found: FloatArray = (total - own) / (draws * (draws - 1))
    return found


def random_cosines(
    bench: Workbench, labels: Labels, fits: Fits, decile: IntArray, settings: Settings
) -> FloatArray:
    """Cosines between CAVs of random concepts: as large and as popular as the real ones, otherwise drawn blindly."""
    n = len(fits.penalty)
    rng = np.random.default_rng([settings.seed, 5])
    rounds = 1 if n > 200 else max(1, min(40, _NULL_COSINES // max(1, n * (n - 1) // 2)))
    found = []
    upper = np.triu_indices(max(n, 2), 1)
    for _ in range(rounds):
        # A lone concept still needs two random ones to have an angle.
        concepts = np.arange(n) if n > 1 else np.zeros(2, np.int64)
        own = labels.only(concepts)
        positive = np.column_stack(
            [shuffled(p, u, decile, 1, rng) for p, u in zip(own.positive.T, own.used.T, strict=True)]
        )
        drawn = Labels(positive, own.used, own.covariates, own.held)
        directions = directions_of(bench, drawn, fits.penalty[concepts])
        found.append((directions @ directions.T)[upper])
    return np.concatenate(found)


def false_discovery(p: FloatArray) -> FloatArray:
    """Benjamini-Hochberg q of each p; NaN is no test and stays."""
    from scipy.stats import false_discovery_control  # 0.4 s that other commands need not wait for

    q = np.full(len(p), np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q


def verdict(enough: bool, q: float, low: float, steady: float, settings: Settings) -> str:
    """``insufficient``, ``not present``, ``unstable`` or ``present``."""
    if not enough:
        return INSUFFICIENT
    if not (q <= settings.level and low >= settings.present_auc):
        return NOT_PRESENT
    return PRESENT if steady >= settings.stable_cosine else UNSTABLE
