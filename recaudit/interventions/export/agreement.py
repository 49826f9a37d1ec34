"""Whether what was written scores as the steered model does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recaudit.errors import InputRefused

FloatArray = NDArray[np.float32]

TOLERANCE = 1e-6
"""Of the largest steered score."""
_ROWS = 512


def apart(ours: tuple[FloatArray, FloatArray], wanted: tuple[FloatArray, FloatArray]) -> float:
    """Largest difference between two models' scores, as a share of the largest score wanted: every user, every item.

    Inner products in float64, so that what is compared is vectors and not the order in which a product was summed.

    Args:
        ours, wanted: users' vectors [n, dim] and items' [items, dim].
    """
    worst = largest = 0.0
    items = [table.astype(np.float64).T for table in (ours[1], wanted[1])]
    for start in range(0, len(wanted[0]), _ROWS):
        part = slice(start, start + _ROWS)
        first, second = (
            x[part].astype(np.float64) @ v for x, v in zip((ours[0], wanted[0]), items, strict=True)
        )
        worst = max(worst, float(np.abs(first - second).max(initial=0)))
        largest = max(largest, float(np.abs(second).max(initial=0)))
    return worst / (largest or 1.0)


def check(difference: float) -> float:
    """Raises:
    InputRefused: scores are further apart than ``TOLERANCE``.
    """
    if not difference <= TOLERANCE:
        raise InputRefused(
            f"what was written scores otherwise than the steered model (apart by {difference:.1e} of the largest score)",
            fix="nothing was kept; use --as module or --as tables",
        )
    return difference
