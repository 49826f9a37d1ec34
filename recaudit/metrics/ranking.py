"""Full-ranking quality from the rank of a held-out target.

Rank 1 is best. Each function returns one value per row, so that any mean, slice or bootstrap can be
taken later; an empty input gives an empty output. Source: spec of RecSAE's evaluation
(``HR@K``, ``NDCG@K`` with one target per row, as ReChorus computes them).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CUTOFFS = (5, 10, 20, 50)
"""The K of every ``@K`` metric unless said otherwise."""

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def hit(ranks: IntArray, k: int) -> FloatArray:
    """1 where the target is among the first ``k``, else 0 (HR@K before averaging). Higher is better."""
    return (ranks <= k).astype(np.float64)


def ndcg(ranks: IntArray, k: int) -> FloatArray:
    """1 / log2(rank + 1) where rank <= k, else 0: NDCG@K of one relevant item, in 0..1, higher is better.

    Järvelin and Kekäläinen 2002; with a single target the ideal DCG is 1.
    """
    return np.where(ranks <= k, 1.0 / np.log2(ranks + 1.0), 0.0)


def reciprocal(ranks: IntArray) -> FloatArray:
    """1 / rank over the whole catalogue, in 0..1, higher is better (MRR before averaging)."""
    return 1.0 / ranks


def pessimistic_ranks(scores: NDArray[np.float32], targets: IntArray) -> IntArray:
    """Rank of each row's target: the number of candidates scoring at least as high as it.

    The target counts itself, so the best rank is 1, and ties go against the target: a model that
    gives every item the same score earns the last place, not the first.

    Args:
        scores: [rows, items]; items that are no candidates hold ``-inf``. NaN never outranks.
        targets: [rows] column of the target.
    """
    target_scores = np.take_along_axis(scores, targets[:, None], axis=1)
    return np.asarray((scores >= target_scores).sum(axis=1), dtype=np.int64)
