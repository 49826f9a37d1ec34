"""Seeded bootstrap intervals over users.

Rows of one user are not independent, so users are drawn, not rows. Every metric here is a function of
sums over users (a mean is Σvalue / Σcount), so one matrix of draws serves all metrics at once, and two
metrics computed from the same draws are paired by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LEVEL = 0.95
MANY_USERS = 20_000
"""Above this many users they are dealt into as many random blocks and blocks are drawn: the interval of a
mean over so many is insensitive to which few share a block, and the cost stays flat."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value with its percentile interval; ``n`` is the number of users behind it."""

    value: float
    low: float
    high: float
    n: int


def sum_by_user(values: FloatArray, users: NDArray[np.integer]) -> FloatArray:
    """Σ of ``values`` [rows, metrics] per distinct user: [users, metrics], in order of user id."""
    _, inverse = np.unique(users, return_inverse=True)
    n_users = int(inverse.max()) + 1 if len(inverse) else 0
    sums = np.empty((n_users, values.shape[1]))
    for column in range(values.shape[1]):
        sums[:, column] = np.bincount(inverse, weights=values[:, column], minlength=n_users)
    return sums


def bootstrap_sums(per_user: FloatArray, *, seed: int, draws: int = DRAWS) -> FloatArray:
    """Column sums over users drawn with replacement: [draws, metrics].

    Args:
        per_user: [users, metrics].
    """
    rng = np.random.default_rng(seed)
    if len(per_user) > MANY_USERS:
        per_user = _blocks(per_user, rng)
    n = len(per_user)
    sums = np.empty((draws, per_user.shape[1]))
    for draw in range(draws):
        weights = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        sums[draw] = weights @ per_user
    return sums


def _blocks(per_user: FloatArray, rng: np.random.Generator) -> FloatArray:
    block = rng.permutation(len(per_user)) % MANY_USERS
    return np.stack(
        [np.bincount(block, weights=column, minlength=MANY_USERS) for column in per_user.T], axis=1
    )


def estimate(
    per_user: FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> list[Estimate]:
    """Value and percentile interval of ``statistic`` for each of its outputs.

    Args:
        per_user: [users, columns] sums per user.
        statistic: maps [..., columns] of summed columns to [..., metrics].
    """
    n = len(per_user)
    if n == 0:
        return []
    values = statistic(per_user.sum(axis=0)[None])[0]
    drawn = statistic(bootstrap_sums(per_user, seed=seed, draws=draws))
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    return [
        Estimate(float(value), float(least), float(most), n)
        for value, least, most in zip(values, low, high, strict=True)
    ]


def means(columns: FloatArray) -> FloatArray:
    """Statistic for per-user rows ``[value sums …, count]``: each value sum over the count."""
    return columns[..., :-1] / columns[..., -1:]
