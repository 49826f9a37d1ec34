"""Dictionaries that learned nothing, or not from an autoencoder: what every figure of a trained one stands beside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recaudit import __version__
from recaudit.checkpoints.spec import SaeSpec

FloatArray = NDArray[np.float32]

CONTROLS = {
    "untrained": "random directions, as many and as many active per row as in the autoencoder",
    "neurons": "the model's own coordinates, both signs apart",
    "pca": "principal axes about the mean, both signs apart",
}
"""Role to what the dictionary is."""


def controls_of(spec: SaeSpec, l0: float, x: FloatArray, seed: int) -> dict[str, SaeSpec]:
    """The control dictionaries of an autoencoder, by role.

    Args:
        l0: latents that it keeps per row on average.
        x: [n, dim] vectors that it takes apart; mean and axes are theirs.
    """
    latents, dim = spec.encoder.shape
    mean = x.mean(axis=0, dtype=np.float64).astype(np.float32)
    k = int(np.clip(round(l0), 1, latents))
    return {
        "untrained": _dictionary("untrained", _random_directions(latents, dim, seed), mean, "relu_topk", k),
        "neurons": _dictionary("neurons", _both_signs(np.eye(dim, dtype=np.float32)), None, "relu", None),
        "pca": _dictionary("pca", _both_signs(principal_axes(x)), mean, "relu", None),
    }


def principal_axes(x: FloatArray) -> FloatArray:
    """Principal axes of [n, dim], strongest first: [dim, dim] unit rows, their largest coordinate positive."""
    centred = np.asarray(x, np.float64) - x.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    rows = axes.T[::-1]
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return (rows * np.where(largest < 0, -1, 1)[:, None]).astype(np.float32)


def _random_directions(latents: int, dim: int, seed: int) -> FloatArray:
    found = np.random.default_rng(seed).standard_normal((latents, dim))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def _both_signs(rows: FloatArray) -> FloatArray:
    return np.concatenate([rows, -rows])


def _dictionary(
    role: str, directions: FloatArray, centre: FloatArray | None, activation: str, k: int | None
) -> SaeSpec:
    return SaeSpec(
        tool=f"recaudit {__version__}",
        encoder=directions,
        decoder=directions,
        encoder_bias=None,
        pre_bias=centre,
        activation=activation,
        k=k,
        k_source="the autoencoder's mean L0" if k else "",
        tied=True,
        notes=(CONTROLS[role],),
    )
