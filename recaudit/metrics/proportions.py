"""Intervals of a share of successes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_Z = 1.959963984540054
"""97.5 % quantile of the standard normal."""


def wilson(successes: NDArray[np.integer], n: NDArray[np.integer]) -> tuple[FloatArray, FloatArray]:
    """95 % score interval of a proportion, without continuity correction (Wilson 1927).

    It stays inside 0..1 and has a width where all or no trials succeed, which the normal interval has not.

    Args:
        successes, n: whole numbers of one shape, ``successes`` <= ``n``.

    Returns:
        Lower and upper ends, of that shape; NaN where there is no trial.
    """
    hits, trials = np.asarray(successes, np.float64), np.asarray(n, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = hits / trials
        centre = (share + _Z**2 / (2 * trials)) / (1 + _Z**2 / trials)
        half = _Z / (1 + _Z**2 / trials) * np.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    # Rounding must not push the interval off its own value at 0 and 1.
    low = np.where(hits == 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(hits == trials, 1.0, np.minimum(centre + half, 1.0))
    nothing = trials == 0
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def wilson_share(succeeded: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Share of trials that succeeded, with the ends of its Wilson interval; NaN where there is no trial."""
    hits, n = int(np.count_nonzero(succeeded)), len(succeeded)
    low, high = wilson(np.array(hits), np.array(n))
    return hits / n if n else float("nan"), float(low), float(high)
