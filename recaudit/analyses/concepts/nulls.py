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

DRAWS = 3
"""Random dictionaries behind each null figure, which is their mean."""


@dataclass(frozen=True)
class RandomDictionary:
    """Directions [latents, dim] of length 1 and codes [entities, latents] of the vectors in them."""

    directions: FloatArray
    codes: csc_array


def random_dictionaries(
    vectors: NDArray[np.floating], fires: NDArray[np.integer], *, seed: int, draws: int = DRAWS
) -> list[RandomDictionary]:
    """Random dictionaries for the vectors [entities, dim] that a dictionary takes apart.

    Args:
        fires: [latents] entities on which each latent fires; a dead latent's stand-in is dead.
    """
    centred = np.asarray(vectors, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    found = []
    for rng in np.random.default_rng([seed, len(fires)]).spawn(draws):
        directions = rng.normal(size=(len(fires), centred.shape[1]))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        found.append(RandomDictionary(directions, _codes(centred, directions, fires)))
    return found


def _codes(vectors: FloatArray, directions: FloatArray, fires: NDArray[np.integer]) -> csc_array:
    n = len(vectors)
    rows, values, counts = [], [], []
    step = max(1, (1 << 20) // max(n, 1))
    for start in range(0, len(directions), step):
        block = vectors @ directions[start : start + step].T
        for column, count in zip(block.T, fires[start : start + step], strict=True):
            highest = np.sort(np.argsort(-column, kind="stable")[: int(count)])
            rest = np.delete(column, highest)
            # Everything fires: nothing lies below, so the least value itself is the threshold's place.
            bar = rest.max() if len(rest) else column.min() - np.ptp(column) / max(n, 1)
            above = highest[column[highest] > bar]
            rows.append(above)
            values.append(column[above] - bar)
            counts.append(len(above))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return csc_array((np.concatenate(values), np.concatenate(rows), offsets), shape=(n, len(directions)))
