"""Do the entities on which a latent fires resemble each other? The monosemanticity score and its null.

The score is the activation-weighted mean cosine over pairs of entities (Pach et al. 2025, arXiv 2504.02821).
Whose embedding the cosines are taken in decides what it means: the recommender's own is partly circular,
since the latents were made to rebuild it; one made from metadata is independent of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

FloatArray = NDArray[np.float64]

STRONGEST = 30
"""Entities that Monosemanticity4Rec's variant looks at."""

Weights: TypeAlias = "csc_array | FloatArray"
"""[entities, latents], each latent's values scaled to 0..1."""


@dataclass(frozen=True)
class Monosemanticity:
    """Per latent, all [latents]; NaN for a latent that gives weight to fewer than two entities."""

    score: FloatArray
    """Weighted mean cosine over pairs, -1..1."""
    null_mean: float
    """Expected score when the weights are dealt to the entities at random: the mean cosine of all pairs."""
    null_sd: FloatArray
    z: FloatArray
    p: FloatArray
    """One-sided: entities resemble each other more than a random deal of the same weights makes them."""


def unit_rows(embedding: NDArray[np.floating], *, centred: bool) -> FloatArray:
    """Rows of length 1 [entities, d]; a row of zeros stays zero and has cosine 0 to all.

    Args:
        centred: subtract the mean row first: a direction that all entities share makes every pair look alike.
    """
    rows = np.asarray(embedding, dtype=np.float64)
    rows = rows - rows.mean(axis=0) if centred else rows
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    # What centring leaves of equal rows is rounding, which has no direction.
    return np.where(norms > 1e-12, rows / np.where(norms > 0, norms, 1), 0.0)


def scaled(scores: csc_array | NDArray[np.floating]) -> Weights:
    """Each column min-max scaled to 0..1, a constant one to 0 (Monosemanticity4Rec's weights)."""
    if isinstance(scores, csc_array):
        return _scaled_sparse(scores)
    dense = np.asarray(scores, dtype=np.float64)
    low, high = dense.min(axis=0), dense.max(axis=0)
    return (dense - low) / np.where(high > low, high - low, 1)


def _scaled_sparse(scores: csc_array) -> Weights:
    fires = np.diff(scores.indptr)
    if (fires == scores.shape[0]).any() or (scores.data < 0).any():
        return scaled(scores.toarray())
    high = np.asarray(scores.max(axis=0).toarray()).ravel()
    factor = np.where(high > 0, 1 / np.where(high > 0, high, 1), 0)
    return csc_array((scores.data * np.repeat(factor, fires), scores.indices, scores.indptr), scores.shape)


def only_strongest(weights: Weights, count: int = STRONGEST) -> csc_array:
    """Weights of the ``count`` strongest entities of each latent, the others 0; ties to the lower entity."""
    kept = []
    for latent in range(weights.shape[1]):
        column = weights[:, [latent]]
        values = column.toarray().ravel() if isinstance(column, csc_array) else column.ravel()
        chosen = np.argsort(-values, kind="stable")[:count]
        kept.append((np.sort(chosen[values[chosen] > 0]), values))
    indices = [chosen for chosen, _ in kept]
    return csc_array(
        (
            np.concatenate([values[chosen] for chosen, values in kept]),
            np.concatenate(indices),
            np.concatenate([[0], np.cumsum([len(chosen) for chosen in indices])]),
        ),
        shape=weights.shape,
    )


def monosemanticity(weights: Weights, units: FloatArray) -> Monosemanticity:
    """Score of every latent over all pairs of different entities, with its permutation null in closed form.

    Σ_{i≠k} a_i a_k e_i·e_k = ‖Σ a_i e_i‖² - Σ a_i² ‖e_i‖², so the cost is that of one matrix product.

    Args:
        weights: [entities, latents], not negative.
        units: [entities, d] rows of length 1 (or 0), from ``unit_rows``.
    """
    lengths = (units**2).sum(axis=1)
    drawn = weights.T @ units  # [latents, d]
    total, squares = _sums(weights, 1), _sums(weights, 2)
    above = (drawn**2).sum(axis=1) - _sums(weights, 2, lengths)
    below = total**2 - squares
    # Of a single entity the difference is rounding.
    defined = below > 1e-12 * total**2
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(defined, above / below, np.nan)
    mean, spread = _null_moments(weights, units, below)
    spread = np.where(defined, spread, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread > 0, (score - mean) / spread, np.nan)
    return Monosemanticity(score, mean, spread, z, _upper_tail(z, _skewness(weights, units)))


def _sums(weights: Weights, power: int, by: FloatArray | None = None) -> FloatArray:
    """Σ_i a_i^power (x by_i) per latent."""
    powered = weights**power if power > 1 else weights
    ones = np.ones(weights.shape[0]) if by is None else by
    return np.asarray(powered.T @ ones, dtype=np.float64)


def _null_moments(weights: Weights, units: FloatArray, pairs: FloatArray) -> tuple[float, FloatArray]:
    """Exact mean and standard deviation of the score over all ways to deal the weights to the entities.

    Mantel 1967 (Cancer Research 27:209): moments of Σ A_ik C_π(i)π(k) from the sums of A, of its squares and
    of its rows squared, and the same of C. Here A_ik = a_i a_k and C_ik = e_i·e_k off the diagonal.
    """
    n = len(units)
    lengths = (units**2).sum(axis=1)
    whole = units.sum(axis=0)
    c_rows = units @ whole - lengths
    c_sum, c_squares = c_rows.sum(), ((units.T @ units) ** 2).sum() - (lengths**2).sum()
    c_rows_squared = (c_rows**2).sum()
    s1, s2, s3, s4 = (_sums(weights, power) for power in (1, 2, 3, 4))
    a_squares = s2**2 - s4
    a_rows_squared = s2 * s1**2 - 2 * s3 * s1 + s4
    if n < 4:
        return c_sum / max(n * (n - 1), 1), np.full(weights.shape[1], np.nan)
    a_chain, c_chain = a_rows_squared - a_squares, c_rows_squared - c_squares
    a_apart = pairs**2 - 2 * a_squares - 4 * a_chain
    c_apart = c_sum**2 - 2 * c_squares - 4 * c_chain
    two, three, four = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    second = 2 * a_squares * c_squares / two + 4 * a_chain * c_chain / three + a_apart * c_apart / four
    mean = c_sum / two
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = second / pairs**2 - mean**2
    return mean, np.sqrt(np.maximum(variance, 0))


def _skewness(weights: Weights, units: FloatArray) -> FloatArray:
    """Skewness of the null, from the normal limit of Σ a_i e_π(i), whose squared length is a sum of chi-squares."""
    n = len(units)
    mean = units.mean(axis=0)
    covariance = np.cov(units, rowvar=False, ddof=0).reshape(units.shape[1], units.shape[1])
    s1, s2 = _sums(weights, 1), _sums(weights, 2)
    spread = np.maximum(s2 - s1**2 / n, 0) * n / max(n - 1, 1)
    squared = covariance @ covariance
    second = 2 * spread**2 * np.trace(squared) + 4 * spread * s1**2 * (mean @ covariance @ mean)
    third = 8 * spread**3 * np.trace(squared @ covariance) + 24 * spread**2 * s1**2 * (mean @ squared @ mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(second > 0, third / second**1.5, 0.0)


def _upper_tail(z: FloatArray, skewness: FloatArray) -> FloatArray:
    """P(Z >= z) of a standardised Pearson type III variable: a gamma shifted to mean 0, normal at skewness 0."""
    from scipy.special import gammaincc, ndtr

    shape = 4 / np.maximum(skewness, 1e-6) ** 2
    scale = np.maximum(z * np.sqrt(shape) + shape, 0)
    # Nearly symmetric: the gamma's shape is out of reach of the incomplete gamma function's precision.
    p = np.where(skewness < 1e-3, ndtr(-z), gammaincc(shape, scale))
    return np.where(np.isnan(z), np.nan, p)
