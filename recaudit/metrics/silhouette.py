"""Are the entities of one latent closer to each other than to those of the next? The silhouette, by cosine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

FloatArray = NDArray[np.float64]

_CELLS = 1 << 20


def silhouettes(units: FloatArray, cluster: NDArray[np.integer]) -> FloatArray:
    """Silhouette of each entity, (b - a) / max(a, b), -1..1, higher = better apart; 0 in a cluster of one.

    Rousseeuw 1987, with cosine distance. For rows of length 1 the mean distance to a cluster is one minus the
    product with its mean row, so no pair is looked at.

    Args:
        units: [entities, d] rows of length 1.
        cluster: [entities].

    Returns:
        [entities]; all NaN if there are fewer than two clusters.
    """
    _, own = np.unique(cluster, return_inverse=True)
    sizes = np.bincount(own).astype(np.float64)
    if len(sizes) < 2:
        return np.full(len(units), np.nan)
    member = csr_array((np.ones(len(own)), (own, np.arange(len(own)))), shape=(len(sizes), len(own)))
    sums = member @ units
    found = np.empty(len(units))
    step = max(1, _CELLS // len(sizes))
    for start in range(0, len(units), step):
        rows = np.arange(start, min(start + step, len(units)))
        found[rows] = _of_rows(units[rows], own[rows], sums, sizes)
    return found


def _of_rows(units: FloatArray, own: NDArray[np.integer], sums: FloatArray, sizes: FloatArray) -> FloatArray:
    rows = np.arange(len(units))
    similar = units @ sums.T
    others = np.maximum(sizes[own] - 1, 1)
    inside = 1 - (similar[rows, own] - (units**2).sum(axis=1)) / others
    distance = 1 - similar / sizes
    distance[rows, own] = np.inf
    nearest = distance.min(axis=1)
    larger = np.maximum(inside, nearest)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(larger > 0, (nearest - inside) / larger, 0.0)
    return np.where(sizes[own] > 1, value, 0.0)
