"""Vectors that are known to be sparse combinations of known directions."""

from __future__ import annotations

import numpy as np

from recaudit.sae.training.trainer import TrainingData

DIM, ATOMS, ACTIVE = 24, 48, 3


def atoms(seed: int = 0) -> np.ndarray:
    """[atoms, dim] unit rows."""
    found = np.random.default_rng(seed).normal(size=(ATOMS, DIM))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def sparse_rows(n: int, seed: int = 1) -> np.ndarray:
    """[n, dim]: three atoms each, strengths in 1..2, about a mean and in units of their own."""
    rng = np.random.default_rng(seed)
    strengths = np.zeros((n, ATOMS), np.float32)
    chosen = rng.permuted(np.tile(np.arange(ATOMS), (n, 1)), axis=1)[:, :ACTIVE]
    np.put_along_axis(strengths, chosen, rng.uniform(1, 2, size=(n, ACTIVE)).astype(np.float32), axis=1)
    return 5 * (strengths @ atoms()) + 2


def data(n: int = 4000) -> TrainingData:
    return TrainingData({"case": sparse_rows(n)}, {"case": sparse_rows(500, seed=2)}, interactions=n)


def judge(rebuild) -> tuple[float, None]:
    """How near reconstructions are, in the place of lists: no recommender is at hand."""
    x = sparse_rows(300, seed=3)
    return float(1 / (1 + np.square(x - rebuild("case", x)).mean())), None
