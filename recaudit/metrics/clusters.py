"""Do labelled points lie apart, and do two sets of distances agree? Against shuffled labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def distances(x: FloatArray) -> FloatArray:
    """Euclidean distances of all pairs of rows: [n, n]."""
    squares = (x**2).sum(axis=1)
    found: FloatArray = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * x @ x.T, 0))
    np.fill_diagonal(found, 0)
    return found


def silhouette(distance: FloatArray, label: IntArray) -> float:
    """Mean silhouette (Rousseeuw 1987), -1..1; a point alone in its cluster counts 0, as in scikit-learn.

    Args:
        distance: [n, n].
        label: [n] from 0, every label in use.
    """
    n_labels = int(label.max()) + 1
    member = np.zeros((len(label), n_labels))
    member[np.arange(len(label)), label] = 1
    size = member.sum(axis=0)
    total = distance @ member
    own = total[np.arange(len(label)), label]
    inside = own / np.maximum(size[label] - 1, 1)
    mean = np.where(member > 0, np.inf, total / np.maximum(size, 1))
    outside = mean.min(axis=1)
    largest = np.maximum(inside, outside)
    value = np.divide(outside - inside, largest, out=np.zeros_like(inside), where=largest > 0)
    return float(np.where(size[label] > 1, value, 0.0).mean())


def eta_squared(x: FloatArray, label: IntArray) -> FloatArray:
    """Share of each column's variance that lies between labels: [columns], 0..1."""
    n_labels = int(label.max()) + 1
    size = np.bincount(label, minlength=n_labels)
    centred = x - x.mean(axis=0)
    means = np.stack([np.bincount(label, weights=column, minlength=n_labels) for column in centred.T], axis=1)
    between = (means**2 / np.maximum(size, 1)[:, None]).sum(axis=0)
    total = (centred**2).sum(axis=0)
    return np.divide(between, total, out=np.zeros(len(total)), where=total > 0)


def mantel(first: FloatArray, second: FloatArray, *, draws: int = 999, seed: int = 0) -> tuple[float, float]:
    """Spearman correlation of two distance matrices [n, n] over their pairs, and its one-sided permutation p.

    Rows and columns of one matrix are shuffled together (Mantel 1967), since the pairs of one object hang together.
    """
    from scipy.stats import rankdata

    upper = np.triu_indices(len(first), 1)
    x, y = rankdata(first[upper]), rankdata(second[upper])
    ranks = np.zeros_like(first, dtype=np.float64)
    ranks[upper] = x - x.mean()
    ranks += ranks.T
    y = y - y.mean()
    scale = np.linalg.norm(ranks[upper]) * np.linalg.norm(y)
    if not scale > 0:
        return float("nan"), float("nan")
    value = float(ranks[upper] @ y / scale)
    rng = np.random.default_rng(seed)
    beaten = 0
    for _ in range(draws):
        order = rng.permutation(len(first))
        beaten += ranks[np.ix_(order, order)][upper] @ y / scale >= value - 1e-12
    return value, (1 + beaten) / (1 + draws)
