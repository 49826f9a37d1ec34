"""How active is a latent, on a scale from 1 to 10: of its own maximum, and among all activations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STRONG = 5
"""Global decile from which an activation counts as strong (RecSAE)."""


def own_levels(values: FloatArray, largest: float) -> IntArray:
    """ceil(10 z / max z) of one latent's values: 1..10, and 0 where it is not active."""
    if largest <= 0:
        return np.zeros(len(values), np.int64)
    # A quotient a rounding error above a whole number belongs to that number.
    return np.ceil(10 * values / largest - 1e-9).astype(np.int64)


def decile_edges(codes: csc_array) -> FloatArray:
    """The nine bounds between tenths of all positive activations of a dictionary."""
    values = codes.data[codes.data > 0]
    return np.quantile(values, np.arange(1, 10) / 10) if len(values) else np.zeros(9)


def deciles(values: FloatArray, edges: FloatArray) -> IntArray:
    """Tenth of each value, 1 = weakest, 10 = strongest; 0 where it is not active. Equal values share one."""
    return np.where(values > 0, 1 + np.searchsorted(edges, values, side="left"), 0).astype(np.int64)
