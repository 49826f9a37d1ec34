"""Random directions that fire as often as a dictionary's latents: what any dictionary would score.

A direction is drawn uniformly from the sphere; its code is what of the vector's projection exceeds a threshold
set so that it fires on as many entities as the latent it stands for. Same number of candidates, same firing
rates, same way to score items and to pick: only what the dictionary learned is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

FloatArray = NDArray[np.float64]

_CELLS = 1 << 20

DRAWS = 3
"""Random dictionaries behind each null figure, which is their mean."""


@dataclass(frozen=True)
class RandomDictionary:
    """Directions [latents, dim] of length 1 and codes [entities, latents] of the vectors in them."""

    directions: FloatArray
    codes: csc_array


def random_directions(count: int, dim: int, *, seed: int, draws: int = DRAWS) -> list[FloatArray]:
    """Directions drawn uniformly from the sphere, ``draws`` sets of [count, dim]."""
    found = []
    for rng in np.random.default_rng([seed, count]).spawn(draws):
        directions = rng.normal(size=(count, dim))
        found.append(directions / np.linalg.norm(directions, axis=1, keepdims=True))
    return found


def random_dictionaries(
    vectors: NDArray[np.floating], fires: NDArray[np.integer], *, seed: int, draws: int = DRAWS
) -> list[RandomDictionary]:
    """Random dictionaries for the vectors [entities, dim] that a dictionary takes apart.

    Args:
        fires: [latents] entities on which each latent fires; a dead latent's stand-in is dead.
    """
    centred = np.asarray(vectors, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    return [
        RandomDictionary(directions, _codes(centred, directions, fires))
        for directions in random_directions(len(fires), centred.shape[1], seed=seed, draws=draws)
    ]


def _codes(vectors: FloatArray, directions: FloatArray, fires: NDArray[np.integer]) -> csc_array:
    n = len(vectors)
    rows, values = [], []
    step = max(1, _CELLS // max(n, 1))
    for start in range(0, len(directions), step):
        block = directions[start : start + step] @ vectors.T
        for projected, count in zip(block, fires[start : start + step], strict=True):
            bar = _threshold(projected, int(count))
            above = np.flatnonzero(projected > bar)
            rows.append(above)
            values.append(projected[above] - bar)
    offsets = np.concatenate([[0], np.cumsum([len(above) for above in rows])])
    return csc_array((np.concatenate(values), np.concatenate(rows), offsets), shape=(n, len(directions)))


def _threshold(projected: FloatArray, count: int) -> float:
    """What ``count`` of the projections exceed; fewer where several tie at the threshold."""
    below = len(projected) - count
    if below == 0:
        # Everything fires, so nothing marks the place: a step of the usual size under the least.
        return float(projected.min() - np.ptp(projected) / len(projected))
    return float(np.partition(projected, below - 1)[below - 1])
