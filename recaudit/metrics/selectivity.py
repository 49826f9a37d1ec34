"""Is a latent stronger on the entities of a concept? Mean activations and the rank-sum test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.metrics.ordering import Ordering

FloatArray = NDArray[np.float64]


def mean_by_concept(scores: NDArray[np.floating], labels: csr_array) -> FloatArray:
    """Mean score over the entities of each concept: [columns, concepts]; NaN for a concept without any.

    Over the column's mean this is Monosemanticity4Rec's genre selectivity.

    Args:
        scores: [entities, columns].
        labels: [entities, concepts], binary.
    """
    n_with = np.asarray(labels.sum(axis=0), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (labels.T @ np.asarray(scores, dtype=np.float64)).T / n_with


def rank_sum_p(auc: FloatArray, ordering: Ordering, n_with: NDArray[np.integer]) -> FloatArray:
    """Two-sided p of the Wilcoxon rank-sum (Mann-Whitney) test behind an AUC: [columns, concepts].

    Normal limit with the correction for ties, without the one for continuity. NaN where there is no AUC,
    1 for a constant column.

    Args:
        auc: [columns, concepts], of the ordering's columns.
        n_with: [concepts] entities that have it.
    """
    from scipy.special import ndtr

    n = ordering.order.shape[1]
    run = (ordering.after - ordering.first).astype(np.float64)
    ties = (run**2 - 1).sum(axis=1)  # Σ over runs of t³ - t, spread over their t places
    with_ = n_with.astype(np.float64)
    pairs = with_ * (n - with_)
    variance = pairs / 12 * ((n + 1) - ties[:, None] / max(n * (n - 1), 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(variance > 0, (auc - 0.5) * pairs / np.sqrt(variance), 0.0)
    return np.where(np.isnan(auc), np.nan, 2 * ndtr(-np.abs(z)))
