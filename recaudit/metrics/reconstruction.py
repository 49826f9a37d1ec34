"""How well an autoencoder gives its input back. Arrays are [rows, dim]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.floating]


def squared_errors(x: Vectors, reconstruction: Vectors) -> NDArray[np.float64]:
    """‖x - x^‖² per row."""
    difference = np.asarray(x, dtype=np.float64) - reconstruction
    return np.einsum("nd,nd->n", difference, difference)


def squared_deviations(x: Vectors) -> NDArray[np.float64]:
    """‖x - mean x‖² per row: what predicting the mean would leave."""
    wide = np.asarray(x, dtype=np.float64)
    centred = wide - wide.mean(axis=0)
    return np.einsum("nd,nd->n", centred, centred)


def explained_variance(x: Vectors, reconstruction: Vectors) -> float:
    """1 - Σ‖x - x^‖² / Σ‖x - mean x‖².

    Predicting the mean gives 0 and the identity 1; it has no lower bound. NaN when all rows are
    equal or there are none. Higher is better.
    """
    total = squared_deviations(x).sum() if len(x) else 0.0
    if total == 0.0:
        return float("nan")
    return float(1.0 - squared_errors(x, reconstruction).sum() / total)


def cosines(x: Vectors, reconstruction: Vectors) -> NDArray[np.float64]:
    """Cosine of each row with its reconstruction, in -1..1; 0 where either is the zero vector."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(reconstruction, dtype=np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.einsum("nd,nd->n", a, b) / np.where(norms > 0, norms, 1.0)
