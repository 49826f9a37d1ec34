"""From item vectors to directions: scaling, the fit on all items, and the way back to the scoring space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav.crossval import best_penalties, fixed_features
from recaudit.analyses.cav.labels import Labels
from recaudit.analyses.cav.settings import PENALTIES, Settings
from recaudit.analyses.cav.solver import LOOSE, Problems, Solution, Solver, balanced, chunks

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scaled:
    """Item vectors as the classifier sees them: ``(x - centre) / spread``, rows then unit length if ``unit``."""

    x: FloatArray
    """[items, dim]"""
    centre: FloatArray
    spread: FloatArray
    unit: bool

    def back(self, coefficients: FloatArray, intercept: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients [dim, concepts] and intercepts of the same classifier on vectors as they are stored.

        Dividing each row by its length has no linear inverse: then the direction is kept as it is.
        """
        if self.unit:
            return coefficients, intercept
        raw = coefficients / self.spread[:, None]
        return raw, intercept - self.centre @ raw


def scaled(vectors: FloatArray, how: str) -> Scaled:
    """Item vectors under a ``settings.SCALING`` name."""
    width = vectors.shape[1]
    centre, spread = np.zeros(width), np.ones(width)
    if how != "raw":
        centre = vectors.mean(axis=0)
    if how == "standardise":
        deviation = vectors.std(axis=0)
        spread = np.where(deviation > 0, deviation, 1.0)
    x = (vectors - centre) / spread
    if how == "centre-norm":
        length = np.linalg.norm(x, axis=1, keepdims=True)
        x = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    return Scaled(x, centre, spread, how == "centre-norm")


@dataclass(frozen=True)
class Fits:
    """One classifier per concept, on all items used.

    Attributes:
        penalty: [concepts] C chosen.
        direction: [concepts, dim] unit length, in the space where items are scored.
        norm: [concepts] length of the coefficients before that.
        intercept: [concepts], of the coefficients at full length.
    """

    penalty: FloatArray
    direction: FloatArray
    norm: FloatArray
    intercept: FloatArray


@dataclass(frozen=True)
class Workbench:
    """The matrix with its solvers: exact for what is stored, quick for choices of C, null draws and bootstraps."""

    scaled: Scaled
    x: FloatArray
    """[items, features]: scaled vectors, then covariates."""
    exact: Solver
    quick: Solver

    @property
    def dim(self) -> int:
        return self.scaled.x.shape[1]


def workbench(vectors: FloatArray, labels: Labels, settings: Settings) -> Workbench:
    """Everything the fits of one run share."""
    found = scaled(vectors, settings.scaling)
    x = found.x
    if labels.covariates is not None:
        x = np.column_stack([x, labels.covariates])
    dim = found.x.shape[1]
    return Workbench(found, x, Solver(x, dim), Solver(x, dim, single=True))


def fitted(bench: Workbench, labels: Labels, settings: Settings) -> tuple[Fits, Solution]:
    """Choose C for every concept, fit it on all its items, map back. Also the solution as solved."""
    penalty = best_penalties(bench.quick, bench.x, labels, PENALTIES, settings.folds, settings.seed)
    everyone = np.arange(len(penalty))
    problems = Problems(
        labels.positive,
        balanced(labels.positive, labels.used.astype(np.float64)),
        penalty,
        fixed_features(labels, everyone, bench.dim),
    )
    solution = bench.exact.solve(problems)
    direction, norm, intercept = _mapped(bench, solution)
    return Fits(penalty, direction, norm, intercept), solution


def resampled(
    bench: Workbench, labels: Labels, fits: Fits, solution: Solution, counts: FloatArray
) -> NDArray[np.float32]:
    """Unit directions refitted on bootstrap draws of the items, C kept: [draws, concepts, dim].

    Args:
        counts: [items, draws] how often each item was drawn; the same draws for every concept, so that two
            CAVs of one draw belong together.
    """
    draws = counts.shape[1]
    found = np.empty((draws, len(fits.penalty), bench.dim), np.float32)
    for part in chunks(len(bench.x) * draws, len(fits.penalty)):
        own = np.repeat(np.arange(part.start, part.stop), draws)
        positive = labels.positive[:, own]
        weights = balanced(positive, np.tile(counts, part.stop - part.start) * labels.used[:, own])
        start = Solution(solution.coefficients[:, own], solution.intercept[own])
        problems = Problems(positive, weights, fits.penalty[own], fixed_features(labels, own, bench.dim))
        direction, _, _ = _mapped(bench, bench.quick.solve(problems, start=start, tolerance=LOOSE))
        found[:, part] = direction.reshape(part.stop - part.start, draws, bench.dim).transpose(1, 0, 2)
    return found


def directions_of(bench: Workbench, labels: Labels, penalty: FloatArray) -> FloatArray:
    """Unit directions of other labels under given penalties, roughly solved: [concepts, dim]. For null draws."""
    weights = balanced(labels.positive, labels.used.astype(np.float64))
    fixed = fixed_features(labels, np.arange(len(penalty)), bench.dim)
    solution = bench.quick.solve(Problems(labels.positive, weights, penalty, fixed), tolerance=LOOSE)
    return _mapped(bench, solution)[0]


def _mapped(bench: Workbench, solution: Solution) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Unit directions [concepts, dim], their lengths, and intercepts."""
    raw, intercept = bench.scaled.back(solution.coefficients[: bench.dim], solution.intercept)
    norm = np.linalg.norm(raw, axis=0)
    unit = np.divide(raw, norm, out=np.zeros_like(raw), where=norm > 0)
    return unit.T, norm, intercept
