"""What goes with a property of entities, for many latents at once: effect sizes, intervals, permutation tests.

Permutation tests use the exact mean, variance and skewness of the statistic over all permutations and a
Pearson type III tail (Berry and Mielke 1983): no draw limits how small a p can be, which thousands of latents
under one false-discovery rate need. Values come as [entities, latents]; latents go in blocks, so that memory
does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from recaudit.metrics.ordering import midcounts, ordered

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Values: TypeAlias = NDArray[np.floating] | csc_array

DRAWS = 500
"""Bootstrap draws behind an interval."""
_CELLS = 1 << 20
_LEAST = 4
"""Entities on either side below which there is no contrast."""


@dataclass(frozen=True)
class Contrast:
    """One figure per latent, every array [latents]; NaN where there is none."""

    value: FloatArray
    low: FloatArray
    """95 % percentile interval over entities."""
    high: FloatArray
    p: FloatArray
    """Two-sided."""


@dataclass(frozen=True)
class GroupContrast(Contrast):
    """Cohen's d of two groups with what it is made of."""

    mean_first: FloatArray
    sd_first: FloatArray
    mean_second: FloatArray
    sd_second: FloatArray


T = TypeVar("T", bound=Contrast)


def cohens_d(
    mean_first: FloatArray, sd_first: FloatArray, mean_second: FloatArray, sd_second: FloatArray
) -> FloatArray:
    """(mean_1 - mean_2) / sqrt((sd_1² + sd_2²) / 2), as PopSteer has it; NaN where neither group varies."""
    spread = np.sqrt((sd_first**2 + sd_second**2) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, (mean_first - mean_second) / spread, np.nan)


def group_contrast(
    values: Values, first: BoolArray, second: BoolArray, strata: IntArray, *, seed: int, draws: int = DRAWS
) -> GroupContrast:
    """Cohen's d of two groups; p from labels permuted within strata; bootstrap within each group.

    The test statistic is the sum over the first group, given which entities of each stratum are in either.

    Args:
        values: [entities, latents].
        first, second: [entities] members; disjoint.
        strata: [entities] from 0.
    """
    (found,) = group_contrasts(values, [first], first | second, strata, seed=seed, draws=draws)
    return found


def group_contrasts(
    values: Values,
    groups: Sequence[BoolArray],
    among: BoolArray,
    strata: IntArray,
    *,
    seed: int,
    draws: int = DRAWS,
) -> list[GroupContrast]:
    """``group_contrast`` of each group against the rest of ``among``: what they share is computed once.

    Args:
        groups: members [entities] of each; within ``among``.
        among: [entities].
    """
    everyone = np.flatnonzero(among)
    inside = [group[everyone] for group in groups]
    told = [_LEAST <= own.sum() <= len(everyone) - _LEAST for own in inside]
    weights = [
        _draws_of(own, seed, draws) if known else None for own, known in zip(inside, told, strict=True)
    ]
    parts: list[list[GroupContrast]] = [[] for _ in groups]
    for block in _blocks(values, everyone) if any(told) else ():
        moments = _Moments.of(block, strata[everyone])
        for own, drawn, found in zip(inside, weights, parts, strict=True):
            if drawn is not None:
                found.append(_contrasted(block, moments, own, drawn))
    return [_joined(GroupContrast, found, values.shape[1]) for found in parts]


def _draws_of(own: BoolArray, seed: int, draws: int) -> tuple[FloatArray, FloatArray]:
    """Bootstrap weights [draws, members] of a group and of the others, each row summing to 1."""
    rng = np.random.default_rng(seed)
    first, second = (bootstrap_weights(rng, int(size), draws) / size for size in (own.sum(), (~own).sum()))
    return first, second


def bootstrap_weights(rng: np.random.Generator, n: int, draws: int) -> FloatArray:
    """How often each of ``n`` entities is in each draw of ``n``: [draws, n]."""
    drawn = rng.integers(0, n, (draws, n)) + n * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def _contrasted(
    block: FloatArray, moments: _Moments, own: BoolArray, weights: tuple[FloatArray, FloatArray]
) -> GroupContrast:
    sides = (np.flatnonzero(own), np.flatnonzero(~own))
    (m1, s1), (m2, s2) = ((block[rows].mean(axis=0), block[rows].std(axis=0, ddof=1)) for rows in sides)
    drawn = cohens_d(*(one for rows, w in zip(sides, weights, strict=True) for one in moments.drawn(rows, w)))
    return GroupContrast(
        cohens_d(m1, s1, m2, s2), *_percentiles(drawn), moments.p(block, own), m1, s1, m2, s2
    )


def paired_contrast(first: Values, second: Values, *, seed: int, draws: int = DRAWS) -> GroupContrast:
    """Cohen's d between two versions of the same entities; p from labels swapped within pairs; bootstrap of pairs.

    Args:
        first, second: [pairs, latents].
    """
    n = first.shape[0]
    if n < _LEAST:
        return _nothing(GroupContrast, first.shape[1])
    rng = np.random.default_rng(seed)
    weights = bootstrap_weights(rng, n, draws) / n
    everyone = np.arange(n)
    parts = []
    for one, other in zip(_blocks(first, everyone), _blocks(second, everyone), strict=True):
        (m1, s1), (m2, s2) = ((part.mean(axis=0), part.std(axis=0, ddof=1)) for part in (one, other))
        drawn = cohens_d(*_drawn_moments(one, weights), *_drawn_moments(other, weights))
        difference = one - other
        with np.errstate(divide="ignore", invalid="ignore"):
            z = difference.sum(axis=0) / np.sqrt((difference**2).sum(axis=0))
        p = 2 * _normal_tail(np.abs(np.nan_to_num(z)))
        parts.append(GroupContrast(cohens_d(m1, s1, m2, s2), *_percentiles(drawn), p, m1, s1, m2, s2))
    return _joined(GroupContrast, parts, first.shape[1])


def rank_correlation(
    values: Values, target: FloatArray, covariates: FloatArray | None = None, *, seed: int, draws: int = DRAWS
) -> Contrast:
    """Spearman correlation of each latent with a property, partial given covariates.

    Mid-ranks of both sides less their least-squares fit on the covariates. p is that of the t distribution
    with n - 2 - rank(covariates) degrees of freedom; the bootstrap keeps ranks and fits of the whole sample.

    Args:
        values: [entities, latents].
        target: [entities].
        covariates: [entities, columns], as they are (rank them first where ranks are wanted); constants are
            no help and do no harm.
    """
    n = len(target)
    if n < _LEAST + 1:
        return _nothing(Contrast, values.shape[1])
    basis = _basis(covariates, n)
    aim = _residual(midranks(np.asarray(target, np.float64)[:, None])[:, 0], basis)
    rng = np.random.default_rng(seed)
    weights = bootstrap_weights(rng, n, draws)
    scaled = aim / max(float(np.linalg.norm(aim)), 1e-300)
    weighted_aim, aim_squares, aim_sums = weights * scaled, weights @ scaled**2, weights @ scaled
    freedom = n - 1 - basis.shape[1]
    parts = []
    for block in _blocks(values, np.arange(n)):
        left = _residual(midranks(block), basis)
        norm = np.linalg.norm(left, axis=0)
        # What rounding leaves of a constant column is no variance.
        least = 1e-9 * n * np.sqrt(n)
        known = (norm > least) & (float(np.linalg.norm(aim)) > least)
        unit = left / np.where(known, norm, 1)
        value = np.where(known, scaled @ unit, np.nan)
        sums = weights @ unit
        covariance = weighted_aim @ unit - sums * aim_sums[:, None] / n
        variance = (weights @ unit**2 - sums**2 / n) * (aim_squares - aim_sums**2 / n)[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.where(variance > 1e-15, covariance / np.sqrt(variance), np.nan)
        low, high = _percentiles(np.where(known, drawn, np.nan))
        parts.append(Contrast(value, low, high, _correlation_p(value, freedom)))
    return _joined(Contrast, parts, values.shape[1])


def midranks(columns: FloatArray) -> FloatArray:
    """Rank of each entity in each column, from 1, ties at their mean: [entities, columns]."""
    everyone = np.ones(len(columns), dtype=bool)
    return np.asarray(midcounts(ordered(columns), everyone).T + 0.5)


@dataclass(frozen=True)
class MeanRank:
    """Where a latent's strongest items stand in the order of popularity, every array [latents]."""

    value: FloatArray
    """Mean rank, 0 = the most popular item; NaN for a latent that fires on none."""
    expected: float
    """Of random items."""
    p: FloatArray
    """Two-sided, against as many random items."""
    n: IntArray
    """Items averaged: the strongest ``count``, or all on which it fires."""


def mean_rank(values: Values, counts: IntArray, count: int = 500) -> MeanRank:
    """Monosemanticity4Rec's popularity figure: mean popularity rank of each latent's ``count`` strongest items.

    Only items on which the latent fires (value > 0) are taken. Equal counts share their mid-rank, and ties at
    the last place go to the lower item. The mean rank of random items is exactly (N - 1) / 2 with variance
    known from sampling without replacement, and close to normal.

    Args:
        values: [items, latents].
        counts: [items] popularity.
    """
    n_items = len(counts)
    rank = midranks(-np.asarray(counts, np.float64)[:, None])[:, 0] - 1
    means, sizes = [], []
    for block in _blocks(values, np.arange(n_items)):
        places = np.argsort(-block, axis=0, kind="stable")[:count]
        fires = np.take_along_axis(block, places, axis=0) > 0
        size = fires.sum(axis=0)
        sizes.append(size)
        with np.errstate(invalid="ignore"):
            means.append((rank[places] * fires).sum(axis=0) / size)
    value = np.concatenate(means) if means else np.empty(0)
    n = np.concatenate(sizes).astype(np.int64) if sizes else np.empty(0, np.int64)
    expected = (n_items - 1) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(rank.var(ddof=1) / n * (1 - n / n_items))
        z = np.where(spread > 0, np.abs(value - expected) / spread, 0.0)
    return MeanRank(value, expected, np.where(n > 0, 2 * _normal_tail(z), np.nan), n)


def permutation_p(values: FloatArray, is_first: BoolArray, strata: IntArray) -> FloatArray:
    """Two-sided p of the sum over the first group when labels are shuffled within strata: [latents].

    The first three moments of that sum over all permutations are exact; the tail between them is Pearson
    type III. 1 where nothing can change.

    Args:
        values: [entities, latents].
    """
    return _Moments.of(values, strata).p(values, is_first)


@dataclass(frozen=True)
class _Moments:
    """What every group of the same entities is tested and drawn by, each sum [latents] a stratum.

    Attributes:
        strata: [entities] numbered from 0 without gaps.
        off, squares: values less their mean, and squared: [entities, latents].
    """

    strata: IntArray
    size: IntArray
    mean: FloatArray
    second: FloatArray
    third: FloatArray
    total: FloatArray
    centre: FloatArray
    off: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, values: FloatArray, strata: IntArray) -> _Moments:
        _, numbered, size = np.unique(strata, return_inverse=True, return_counts=True)
        mean, second, third = (np.empty((len(size), values.shape[1])) for _ in range(3))
        for number in range(len(size)):
            x = values[numbered == number]
            mean[number] = x.mean(axis=0)
            off = x - mean[number]
            square = off * off
            second[number], third[number] = square.sum(axis=0), (square * off).sum(axis=0)
        centre = values.mean(axis=0)
        off = values - centre
        squares = off * off
        total = squares.sum(axis=0) + len(values) * centre**2
        return cls(numbered, size, mean, second, third, total, centre, off, squares)

    def p(self, values: FloatArray, is_first: BoolArray) -> FloatArray:
        """See ``permutation_p``."""
        n = self.size.astype(np.float64)
        m = np.bincount(self.strata[is_first], minlength=len(n)).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            two = np.where(n > 1, m * (n - m) / (n * (n - 1)), 0.0)
            three = np.where(n > 2, m * (n - m) * (n - 2 * m) / (n * (n - 1) * (n - 2)), 0.0)
        variance, third = two @ self.second, three @ self.third
        reached = values[is_first].sum(axis=0) - m @ self.mean
        possible = variance > 1e-24 * np.maximum(self.total, 1e-300)
        spread = np.sqrt(np.where(possible, variance, 1.0))
        upper, lower = _pearson_tails(reached / spread, third / spread**3)
        return np.where(possible, np.minimum(1.0, 2 * np.minimum(upper, lower)), 1.0)

    def drawn(self, rows: IntArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation [draws, latents] of some rows under weights [draws, rows] that sum to 1."""
        n = len(rows)
        shift, squares = weights @ self.off[rows], self.squares[rows]
        variance = (weights @ squares - shift**2) * n / (n - 1)
        # What rounding leaves where a draw does not vary is no spread.
        real = variance > 1e-14 * squares.mean(axis=0)
        return self.centre + shift, np.sqrt(np.where(real, variance, 0.0))


def _pearson_tails(z: FloatArray, skew: FloatArray) -> tuple[FloatArray, FloatArray]:
    """P(Z >= z) and P(Z <= z) of the standardised Pearson type III distribution."""
    from scipy.special import gammainc, gammaincc

    turned = np.where(skew < 0, -z, z)
    curved = (
        np.abs(skew) > 1e-3
    )  # below, the normal tail is the same to three digits and the gamma's own loses them
    shape = 4 / np.where(curved, skew, 2.0) ** 2
    place = np.maximum(shape + turned * np.sqrt(shape), 0.0)
    above = np.where(curved, gammaincc(shape, place), _normal_tail(turned))
    below = np.where(curved, gammainc(shape, place), _normal_tail(-turned))
    return np.where(skew < 0, below, above), np.where(skew < 0, above, below)


def _normal_tail(z: FloatArray) -> FloatArray:
    from scipy.special import ndtr

    return np.asarray(ndtr(-z))


def _correlation_p(r: FloatArray, freedom: int) -> FloatArray:
    from scipy.special import stdtr

    if freedom < 1:
        return np.full(len(r), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(r) * np.sqrt(freedom / np.maximum(1 - r**2, 1e-300))
    return np.where(np.isnan(r), np.nan, 2 * stdtr(freedom, -t))


def _drawn_moments(x: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation [draws, latents] under weights [draws, entities] that sum to 1."""
    centre = x.mean(axis=0)
    off = x - centre
    shift = weights @ off
    n = len(x)
    variance = (weights @ off**2 - shift**2) * n / (n - 1)
    # What rounding leaves where a draw does not vary is no spread.
    return centre + shift, np.sqrt(np.where(variance > 1e-14 * (off**2).mean(axis=0), variance, 0.0))


def _percentiles(drawn: FloatArray) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(drawn).all(axis=0)
    low, high = np.full(drawn.shape[1], np.nan), np.full(drawn.shape[1], np.nan)
    if known.any():
        low[known], high[known] = np.nanquantile(drawn[:, known], [0.025, 0.975], axis=0)
    return low, high


def _basis(covariates: FloatArray | None, n: int) -> FloatArray:
    """Orthonormal columns that span a constant and the covariates."""
    constant = np.ones((n, 1))
    if covariates is None or covariates.shape[1] == 0:
        return constant / np.sqrt(n)
    u, s, _ = np.linalg.svd(
        np.column_stack([constant, covariates - covariates.mean(axis=0)]), full_matrices=False
    )
    return np.asarray(u[:, s > s[0] * 1e-10])


def _residual(columns: FloatArray, basis: FloatArray) -> FloatArray:
    return np.asarray(columns - basis @ (basis.T @ columns))


def _blocks(values: Values, rows: IntArray) -> Iterator[FloatArray]:
    n_latents = values.shape[1]
    step = max(1, _CELLS // max(len(rows), 1))
    for start in range(0, n_latents, step):
        part = values[:, start : start + step]
        dense = part.toarray() if isinstance(part, csc_array) else part
        yield np.asarray(dense[rows], dtype=np.float64)


def _joined(kind: type[T], parts: list[T], n_latents: int) -> T:
    if not parts:
        return _nothing(kind, n_latents)
    return kind(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(kind)))


def _nothing(kind: type[T], n_latents: int) -> T:
    return kind(*(np.full(n_latents, np.nan) for _ in fields(kind)))
