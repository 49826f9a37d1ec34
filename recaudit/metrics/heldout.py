"""How well held-out scores tell positives from negatives, fold by fold; many columns at once.

A column's scores come from as many classifiers as it has folds, so only scores of one fold are compared.
``fold`` is -1 where a row takes no part. A fold without positives or without negatives tells nothing and is
left out of the mean; a column without any such fold is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def auc(scores: FloatArray, positive: BoolArray, fold: NDArray[np.integer]) -> FloatArray:
    """Mean over folds of P(a positive scores above a negative), ties half: [columns], 0..1, .5 = chance.

    Args:
        scores, positive, fold: [rows, columns].
    """
    return _mean(fold_auc(scores, positive, fold))


def fold_auc(scores: FloatArray, positive: BoolArray, fold: NDArray[np.integer]) -> FloatArray:
    """AUC of each fold: [folds, columns], NaN where a fold lacks a class."""
    n_folds = int(fold.max(initial=0)) + 1
    found = np.full((n_folds, scores.shape[1]), np.nan)
    for column in range(scores.shape[1]):
        weights = np.ones((len(scores), 1))
        found[:, column] = weighted_auc(
            scores[:, column], positive[:, column], fold[:, column], weights, n_folds
        )[:, 0]
    return found


def weighted_auc(
    scores: FloatArray, positive: BoolArray, fold: NDArray[np.integer], weights: FloatArray, n_folds: int
) -> FloatArray:
    """AUC of each fold when rows count several times, as in bootstrap draws: [folds, draws].

    Args:
        scores, positive, fold: [rows], one column.
        weights: [rows, draws].
    """
    taken = np.flatnonzero(fold >= 0)
    order = taken[np.lexsort((scores[taken], fold[taken]))]
    own_fold, value = fold[order], scores[order]
    starts = np.flatnonzero(
        np.concatenate([[True], (value[1:] != value[:-1]) | (own_fold[1:] != own_fold[:-1])])
    )
    sorted_weights = weights[order]
    sign = positive[order, None]
    up = np.add.reduceat(np.where(sign, sorted_weights, 0.0), starts, axis=0)  # [runs of ties, draws]
    down = np.add.reduceat(np.where(sign, 0.0, sorted_weights), starts, axis=0)
    run_fold = own_fold[starts]
    below = np.cumsum(down, axis=0) - down / 2
    found = np.full((n_folds, weights.shape[1]), np.nan)
    past = np.zeros(weights.shape[1])
    for number in range(n_folds):
        inside = run_fold == number
        n_down, n_up = down[inside].sum(axis=0), up[inside].sum(axis=0)
        won = (up[inside] * (below[inside] - past)).sum(axis=0)
        pairs = n_up * n_down
        found[number] = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
        past = past + n_down
    return found


def quick_auc(scores: FloatArray, positive: BoolArray, fold: NDArray[np.integer]) -> FloatArray:
    """``auc`` without a loop over columns, for null draws: tied scores are put in row order. [columns]"""
    n_folds = int(fold.max(initial=0)) + 1
    order = np.argsort(scores, axis=0, kind="stable")
    by_score = np.take_along_axis(positive, order, axis=0)
    own_fold = np.take_along_axis(fold, order, axis=0)
    found = np.empty((n_folds, scores.shape[1]))
    for number in range(n_folds):
        inside = own_fold == number
        up = by_score & inside
        n_up, n_down = up.sum(axis=0), inside.sum(axis=0) - up.sum(axis=0)
        below = np.cumsum(inside & ~by_score, axis=0)
        pairs = (n_up * n_down).astype(np.float64)
        found[number] = np.divide(
            (below * up).sum(axis=0), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0
        )
    return _mean(found)


def average_precision(scores: FloatArray, positive: BoolArray, fold: NDArray[np.integer]) -> FloatArray:
    """Mean over folds of Σ (recall gained) x precision, ties entering together: [columns], base rate = chance."""
    n_folds = int(fold.max(initial=0)) + 1
    found = np.full((n_folds, scores.shape[1]), np.nan)
    for column in range(scores.shape[1]):
        for number in range(n_folds):
            inside = fold[:, column] == number
            found[number, column] = _precision_sum(scores[inside, column], positive[inside, column])
    return _mean(found)


def balanced_accuracy(scores: FloatArray, positive: BoolArray, fold: NDArray[np.integer]) -> FloatArray:
    """Mean of the shares of positives scoring above 0 and of negatives scoring at most 0: [columns], .5 = chance."""
    taken = fold >= 0
    right = (scores > 0) == positive
    shares = []
    for side in (positive & taken, ~positive & taken):
        total = side.sum(axis=0).astype(np.float64)
        shares.append(
            np.divide((right & side).sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0)
        )
    return (shares[0] + shares[1]) / 2


def _precision_sum(scores: FloatArray, positive: BoolArray) -> float:
    n_positive = int(positive.sum())
    if not n_positive:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    value, hits = scores[order], np.cumsum(positive[order])
    last = np.flatnonzero(np.concatenate([value[1:] != value[:-1], [True]]))
    gained = np.diff(hits[last], prepend=0)
    return float((gained * hits[last] / (last + 1)).sum() / n_positive)


def _mean(by_fold: FloatArray) -> FloatArray:
    """Mean over the folds that tell something: [columns]."""
    told = ~np.isnan(by_fold)
    count = told.sum(axis=0).astype(np.float64)
    total = np.where(told, by_fold, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
