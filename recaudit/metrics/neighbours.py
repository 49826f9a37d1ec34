"""Which items lie closest to an item."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def similar_items(vectors: NDArray[np.floating], row: int, k: int) -> tuple[IntArray, FloatArray]:
    """The ``k`` other rows of highest cosine similarity, best first, ties by lower row.

    A row of zeros has no direction: its similarity to anything is 0.

    Args:
        vectors: [items, d].

    Returns:
        Rows [k] and similarities [k]; fewer where there are fewer other items.
    """
    norms = np.linalg.norm(vectors, axis=1).astype(np.float64)
    norms[norms == 0] = 1.0
    cosines = (vectors @ vectors[row]).astype(np.float64) / (norms * norms[row])
    cosines[row] = -np.inf
    best = np.argsort(-cosines, kind="stable")[: min(k, len(vectors) - 1)]
    return best, cosines[best]
