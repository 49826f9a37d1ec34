"""Correlations over users with bootstrap intervals and permutation tests, ranks drawn anew in every draw.

A bootstrap draw is a weight per user. Sorting once per variable gives the mid-ranks of every draw by a
cumulative sum, so thousands of Spearman coefficients cost a few products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_LEAST = 4
"""Users below which a correlation is not worth the name."""
_CELLS = 1 << 20
"""Draws x users held at once: 8 MiB of float64."""


@dataclass(frozen=True)
class Correlation:
    """A coefficient with its 95 % percentile interval over users and two-sided permutation p."""

    value: float
    low: float
    high: float
    p: float
    n: int


@dataclass(frozen=True)
class Pair:
    """Two columns to be correlated, by number, less what the columns ``given`` explain of them."""

    x: int
    y: int
    given: tuple[int, ...] = ()


def correlations(
    columns: FloatArray, pairs: Sequence[Pair], *, ranks: bool, draws: int = 2000, seed: int = 0
) -> list[Correlation]:
    """Pearson or Spearman correlations of several pairs of columns [users, columns], over the same draws.

    Partial: both columns less their least-squares fit on those given (all of them ranks for Spearman). The
    permutation test shuffles ``x``, or its residual (Freedman and Lane 1983). A constant column has no
    correlation: NaN.

    Args:
        ranks: mid-ranks instead of values, that is Spearman.
    """
    n = len(columns)
    columns = columns.astype(np.float64)
    values = _coefficients(_moments(columns, np.ones((n, 1)), ranks=ranks), pairs)[0]
    if n < _LEAST or np.isnan(values).all():
        nan = float("nan")
        return [Correlation(nan, nan, nan, nan, n) for _ in pairs]
    rng = np.random.default_rng(seed)
    drawn = []
    for size in _sizes(n, draws):
        weights = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(size)], axis=1)
        # Ranks are whole and half numbers, which float32 holds exactly up to eight million users.
        kind = np.float32 if ranks else np.float64
        drawn.append(_coefficients(_moments(columns, weights.astype(kind), ranks=ranks), pairs))
    all_drawn = np.concatenate(drawn)
    p = _permutation_p(columns, pairs, values, draws, rng, ranks=ranks)
    found = []
    for number, value in enumerate(values):
        inside = all_drawn[:, number][~np.isnan(all_drawn[:, number])]
        low, high = np.quantile(inside, [0.025, 0.975]) if len(inside) else (np.nan, np.nan)
        found.append(Correlation(float(value), float(low), float(high), float(p[number]), n))
    return found


def smallest_detectable(n: int, power: float = 0.8, level: float = 0.05) -> float:
    """Correlation that a two-sided test of ``n`` users finds with the power (Fisher's z)."""
    from scipy.stats import norm

    if n <= 3:
        return 1.0
    return float(np.tanh((norm.ppf(1 - level / 2) + norm.ppf(power)) / np.sqrt(n - 3)))


def weighted_ranks(values: FloatArray, weights: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mid-rank of each user in samples where user ``i`` stands ``weights[i, d]`` times: [users, draws]."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    in_tie = np.add.reduceat(weights[order], starts, axis=0)
    middle = np.cumsum(in_tie, axis=0) - in_tie / 2 + weights.dtype.type(0.5)
    run = np.empty(len(values), dtype=np.int64)
    run[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    return middle[run]


def _sizes(n: int, draws: int) -> Iterator[int]:
    step = max(1, _CELLS // n)
    for start in range(0, draws, step):
        yield min(step, draws - start)


def _moments(columns: FloatArray, weights: NDArray[np.floating], *, ranks: bool) -> FloatArray:
    """Sums of products about the mean in each weighted sample: [draws, columns, columns].

    Args:
        weights: [users, draws].
    """
    n, k = columns.shape
    if not ranks:
        centred = columns - columns.mean(axis=0)
        products = (centred[:, :, None] * centred[:, None, :]).reshape(n, -1)
        sums = weights.T @ centred
        outer = sums[:, :, None] * sums[:, None, :] / weights.sum(axis=0)[:, None, None]
        found: FloatArray = (weights.T @ products).reshape(outer.shape) - outer
        return found
    middle = (weights.sum(axis=0) + 1) / 2  # the mean of mid-ranks, whatever the ties
    data = [weighted_ranks(column, weights) - middle for column in columns.T]
    moments = np.empty((weights.shape[1], k, k))
    for row in range(k):
        weighed = weights * data[row]
        for column in range(row, k):
            moments[:, row, column] = moments[:, column, row] = np.einsum("ij,ij->j", weighed, data[column])
    return moments


def _coefficients(moments: FloatArray, pairs: Sequence[Pair]) -> FloatArray:
    """[draws, pairs] from [draws, columns, columns]."""
    return np.stack(
        [
            _partial(moments[:, [pair.x, pair.y, *pair.given]][:, :, [pair.x, pair.y, *pair.given]])
            for pair in pairs
        ],
        axis=1,
    )


def _partial(moments: FloatArray) -> FloatArray:
    """(Partial) correlation of the first two variables from [draws, k, k] sums of products."""
    pair = moments[:, :2, :2]
    scale = pair[:, [0, 1], [0, 1]]
    if moments.shape[1] > 2:
        across, others = moments[:, :2, 2:], moments[:, 2:, 2:]
        pair = pair - across @ np.linalg.pinv(others, hermitian=True) @ across.transpose(0, 2, 1)
    variance = pair[:, [0, 1], [0, 1]]
    # What rounding leaves of a constant, or of a column that the covariates explain, is no variance.
    varies = (variance > 1e-10 * np.maximum(scale, 1e-300)).all(axis=1)
    below = np.sqrt(np.where(varies, np.abs(variance.prod(axis=1)), 1.0))
    return np.where(varies, pair[:, 0, 1] / below, np.nan)


def _permutation_p(
    columns: FloatArray,
    pairs: Sequence[Pair],
    values: FloatArray,
    draws: int,
    rng: np.random.Generator,
    *,
    ranks: bool,
) -> FloatArray:
    n = len(columns)
    if ranks:
        columns = np.column_stack([weighted_ranks(column, np.ones((n, 1)))[:, 0] for column in columns.T])
    columns = columns - columns.mean(axis=0)
    # Pairs that shuffle the same residual share its shuffled copies.
    sides: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for number, pair in enumerate(pairs):
        if not np.isnan(values[number]):
            sides.setdefault((pair.x, pair.given), []).append(number)
    beaten = np.zeros(len(pairs))
    for size in _sizes(n, draws):
        places = rng.permuted(np.broadcast_to(np.arange(n, dtype=np.int32), (size, n)), axis=1)
        for (x, given), numbers in sides.items():
            against = [pairs[number].y for number in numbers]
            kept = _residuals(columns[:, [x, *against]], columns[:, list(given)])
            reached = np.abs(kept[:, 0][places] @ kept[:, 1:])
            beaten[numbers] += (reached >= np.abs(values[numbers]) - 1e-12).sum(axis=0)
    return np.where(np.isnan(values), np.nan, (1 + beaten) / (1 + draws))


def _residuals(columns: FloatArray, covariates: FloatArray) -> FloatArray:
    """Columns less their fit on the covariates, at unit length."""
    if covariates.shape[1]:
        columns = columns - covariates @ np.linalg.lstsq(covariates, columns, rcond=None)[0]
    length = np.linalg.norm(columns, axis=0)
    return np.divide(columns, length, out=np.zeros_like(columns), where=length > 0)
