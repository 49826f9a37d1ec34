"""Per-latent statistics of a set of codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.sae.codes import Codes

_ROWS = 1024


def latent_statistics(
    codes: Codes,
    counted: NDArray[np.bool_],
    users: NDArray[np.integer],
    decoder: NDArray[np.float32],
) -> dict[str, NDArray[Any]]:
    """Columns of the ``latents`` table.

    Args:
        counted: [rows] the rows statistics are over; ``dead`` alone looks at all rows.
        users: [rows] owner of each row.
        decoder: [latents, dim].
    """
    n = codes.n_latents
    row = codes.row
    inside = counted[row]
    latent, value, owner = codes.latent[inside], codes.value[inside].astype(np.float64), users[row[inside]]
    n_cases = np.bincount(latent, minlength=n)
    total = np.bincount(latent, weights=value, minlength=n)
    peak = np.zeros(n, np.float32)
    np.maximum.at(peak, latent, value.astype(np.float32))
    return {
        "latent": np.arange(n),
        "density": n_cases / max(int(counted.sum()), 1),
        "n_cases": n_cases,
        "n_users": _distinct_owners(latent, owner, n),
        "max_value": peak,
        "mean_value": (total / np.maximum(n_cases, 1)).astype(np.float32),
        "total": total,
        "decoder_norm": np.linalg.norm(decoder, axis=1),
        "max_decoder_cosine": max_cosines(decoder),
        "dead": np.bincount(codes.latent, minlength=n) == 0,
    }


def _distinct_owners(
    latent: NDArray[np.integer], owner: NDArray[np.integer], n_latents: int
) -> NDArray[np.int64]:
    stride = int(owner.max(initial=0)) + 1
    # Sorting integers beats numpy's hash-based ``unique`` eightyfold on millions of pairs.
    pairs = np.sort(latent.astype(np.int64) * stride + owner)
    first = np.ones(len(pairs), dtype=bool)
    first[1:] = pairs[1:] != pairs[:-1]
    return np.bincount(pairs[first] // stride, minlength=n_latents)


def max_cosines(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest cosine of each row to another row, in -1..1; 0 for a zero row or a single one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1)
    largest = np.zeros(len(unit), np.float32)
    if len(unit) < 2:
        return largest
    for start in range(0, len(unit), _ROWS):
        cosines = unit[start : start + _ROWS] @ unit.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        largest[start : start + _ROWS] = cosines.max(axis=1)
    return largest
