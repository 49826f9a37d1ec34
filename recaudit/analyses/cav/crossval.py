"""Held-out scores of many concepts at once: stratified folds, one batched fit for all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav.labels import Labels
from recaudit.analyses.cav.solver import EXACT, Problems, Solution, Solver, balanced, chunks
from recaudit.metrics import heldout

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


_ENOUGH_TO_CHOOSE = 1e-4
"""Gradient left; the loss is flat at its minimum, so its error is the square of that."""


def stratified_folds(
    positive: BoolArray, used: BoolArray, folds: int, rng: np.random.Generator
) -> NDArray[np.int8]:
    """Fold of every item for every concept, each class dealt evenly; -1 for items not used. [items, concepts]"""
    group = np.where(used, np.where(positive, 0, 1), 2)
    order = np.argsort(group + rng.random(group.shape), axis=0)
    dealt = (np.arange(len(group)) % folds)[:, None]
    # Negatives carry on where the positives stopped, so that folds stay equally large.
    fold = np.empty(group.shape, np.int8)
    np.put_along_axis(fold, order, np.broadcast_to(dealt, group.shape).astype(np.int8), axis=0)
    fold[~used] = -1
    return fold


def held_out_scores(
    solver: Solver,
    x: FloatArray,
    labels: Labels,
    fold: NDArray[np.int8],
    penalty: FloatArray,
    *,
    tolerance: float = EXACT,
    starts: list[Solution] | None = None,
) -> tuple[FloatArray, list[Solution]]:
    """Each item's score from the fit that did not see it, covariates left out: [items, concepts]; 0 where unused.

    Args:
        x: [items, features], the solver's matrix.
        penalty: [concepts] C.
        starts: the solutions of an earlier call with the same labels and folds, to begin at.

    Returns:
        Scores, and the solutions to begin the next call at.
    """
    folds = int(fold.max(initial=0)) + 1
    scores = np.zeros(fold.shape)
    solutions = []
    width = x.shape[1] - (0 if labels.covariates is None else labels.covariates.shape[1])
    for number, part in enumerate(chunks(len(x) * folds, fold.shape[1])):
        own = np.arange(part.start, part.stop)
        positive = np.repeat(labels.positive[:, own], folds, axis=1)
        left_out = np.tile(np.arange(folds), len(own))
        own_fold = np.repeat(fold[:, own], folds, axis=1)
        taken = (own_fold >= 0) & (own_fold != left_out)
        fixed = fixed_features(labels, np.repeat(own, folds), width)
        problems = Problems(
            positive, balanced(positive, taken.astype(np.float64)), np.repeat(penalty[own], folds), fixed
        )
        start = None if starts is None else starts[number]
        solution = solver.solve(problems, start=start, tolerance=tolerance)
        solutions.append(solution)
        all_scores = x[:, :width] @ solution.coefficients[:width] + solution.intercept
        place = np.arange(len(own)) * folds + np.maximum(fold[:, own], 0)
        scores[:, own] = np.where(fold[:, own] >= 0, np.take_along_axis(all_scores, place, axis=1), 0.0)
    return scores, solutions


def fixed_features(labels: Labels, concepts: IntArray, width: int) -> BoolArray | None:
    """Which features are held at 0: covariates that are none of a concept's. [features, concepts]"""
    if labels.held is None:
        return None
    return np.vstack([np.zeros((width, len(concepts)), bool), labels.held[:, concepts]])


def best_penalties(
    solver: Solver, x: FloatArray, labels: Labels, grid: tuple[float, ...], folds: int, seed: int
) -> FloatArray:
    """C of least held-out log-loss, both classes weighing the same; the stronger penalty where equal: [concepts].

    The loss weighs classes as the fit does: judged with the base rate, a balanced fit would be punished for
    not knowing it.
    """
    fold = stratified_folds(labels.positive, labels.used, folds, np.random.default_rng([seed, 2]))
    losses = np.empty((len(grid), fold.shape[1]))
    starts: list[Solution] | None = None
    weights = balanced(labels.positive, labels.used.astype(np.float64))
    for row, c in enumerate(grid):
        penalty = np.full(fold.shape[1], c)
        scores, starts = held_out_scores(
            solver, x, labels, fold, penalty, tolerance=_ENOUGH_TO_CHOOSE, starts=starts
        )
        losses[row] = np.einsum("ij,ij->j", weights, log_loss(scores, labels.positive))
    return np.asarray(grid)[np.argmin(losses, axis=0)]


def log_loss(scores: FloatArray, positive: BoolArray) -> FloatArray:
    """``log(1 + exp(∓ score))`` of every item and concept."""
    margin = np.where(positive, scores, -scores)
    found: FloatArray = np.log1p(np.exp(-np.abs(margin))) - np.minimum(margin, 0)
    return found


def one_auc(
    solver: Solver,
    x: FloatArray,
    labels: Labels,
    penalty: FloatArray,
    folds: int,
    rng: np.random.Generator,
    tolerance: float,
) -> FloatArray:
    """Held-out AUC of one cross-validation with fresh folds: [concepts]. What permutation tests compare."""
    fold = stratified_folds(labels.positive, labels.used, folds, rng)
    scores, _ = held_out_scores(solver, x, labels, fold, penalty, tolerance=tolerance)
    return heldout.quick_auc(scores, labels.positive, fold)
