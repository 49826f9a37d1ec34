"""Which latent of one dictionary is which of another.

Two latents go together by a score: the cosine of their decoder rows where both lie in one space, else the correlation
of their codes over entities that both dictionaries encoded. A one-to-one assignment of highest total score
(Hungarian) pairs them; what chance gives decides which pairs mean anything.

Chance is the best of as many: the highest score that a latent reaches with *any* of the other dictionary's latents,
were these random directions that fire as often, or were the entities dealt anew. Thousands of candidates make high
scores cheap, more so for rare latents and for those along the main axis of the vectors: each latent is held against
chance for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from recaudit.metrics.enrichment import false_discovery

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Q = 0.05
_SPARSE = 0.05
"""Share of codes above 0 from which a product of dense pieces is quicker than one of sparse matrices."""
_ROWS = 2048
_CERTAIN = 1 - 1e-12
DRAWS = 10
"""Draws of each kind of chance."""
BINS = 10
"""Tenths of firing rates that chance is looked at in."""


@dataclass(frozen=True)
class Matching:
    """Pairs of an assignment, and latents that only share a counterpart.

    Attributes:
        a, b: [pairs] the two latents of each pair, best score first. As many pairs as the smaller side has latents.
        score: [pairs].
        q: [pairs] chance of a score as high, the worse of both sides', Benjamini-Hochberg over the pairs.
        best_b: [latents of a] its highest-scoring latent of b.
        best_b_q: [latents of a] q of that score.
        best_a, best_a_q: [latents of b] likewise.
    """

    a: IntArray
    b: IntArray
    score: FloatArray
    q: FloatArray
    best_b: IntArray
    best_b_q: FloatArray
    best_a: IntArray
    best_a_q: FloatArray

    @property
    def kept(self) -> BoolArray:
        """[pairs] those that go together better than the best of chance."""
        return self.q <= Q


@dataclass(frozen=True)
class Chance:
    """What latents reach without any relation: for each of a's (of b's) latents its best score, a row a draw."""

    of_a: FloatArray
    """[draws, latents of a]."""
    of_b: FloatArray
    """[draws, latents of b]."""


def matched(scores: FloatArray, chances: Iterable[Chance], fires_a: IntArray, fires_b: IntArray) -> Matching:
    """Assign latents one to one, and hold pairs and best counterparts against chance.

    Args:
        scores: [latents of a, latents of b].
        chances: one or several kinds of chance; a score has to beat each.
        fires_a, fires_b: entities on which each latent fires; alike for all where rarity says nothing about a score.
    """
    from scipy.optimize import linear_sum_assignment  # 0.2 s

    # Float noise of equal scores would make the assignment, and with it the report, depend on the machine.
    rounded = np.round(scores, 9)
    a, b = linear_sum_assignment(rounded, maximize=True)
    score = rounded[a, b]
    order = np.lexsort((b, a, -score))
    a, b, score = a[order], b[order], score[order]
    best_b, best_a = rounded.argmax(axis=1), rounded.argmax(axis=0)
    p_a, p_b = np.zeros(len(a)), np.zeros(len(b))
    p_best_a, p_best_b = np.zeros(len(best_b)), np.zeros(len(best_a))
    for chance in chances:
        side_a, side_b = _Tail(chance.of_a, fires_a), _Tail(chance.of_b, fires_b)
        p_a = np.maximum(p_a, side_a.p(score, a))
        p_b = np.maximum(p_b, side_b.p(score, b))
        p_best_a = np.maximum(p_best_a, side_a.p(rounded.max(axis=1), np.arange(len(best_b))))
        p_best_b = np.maximum(p_best_b, side_b.p(rounded.max(axis=0), np.arange(len(best_a))))
    return Matching(
        a,
        b,
        score,
        false_discovery(np.maximum(p_a, p_b)),
        best_b,
        false_discovery(p_best_a),
        best_a,
        false_discovery(p_best_b),
    )


class _Tail:
    """Best scores of chance, latent by latent.

    The best of many follows Gumbel's law in the limit. Each latent's law has the mean of its own draws, on Fisher's z,
    and the spread of its tenth of firing rates: a latent along the main axis of the vectors goes with half of all
    directions, its neighbour with none. A fitted law also gives p below one over the draws, without which BH over a
    thousand latents could keep none.
    """

    def __init__(self, draws: FloatArray, fires: IntArray) -> None:
        best = _fisher(draws)
        tenth = _tenths(fires)
        variance = best.var(axis=0, ddof=1)
        pooled = np.bincount(tenth, variance, BINS) / np.maximum(np.bincount(tenth, minlength=BINS), 1)
        # The mean of so few draws has an error of its own.
        spread = np.sqrt(pooled[tenth] * (1 + 1 / len(draws)))
        self._scale = spread * np.sqrt(6) / np.pi
        self._place = best.mean(axis=0) - np.euler_gamma * self._scale

    def p(self, score: FloatArray, latent: IntArray) -> FloatArray:
        """Chance that the latent's best reaches the score: [scores]."""
        above = _fisher(score) - self._place[latent]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            p = -np.expm1(-np.exp(-above / self._scale[latent]))
        # Draws that are all alike leave no doubt.
        return np.where(self._scale[latent] > 0, p, np.where(above > 0, 0.0, 1.0))


def _fisher(score: FloatArray) -> FloatArray:
    """Fisher's z: what is near 1 is spread out, so that a perfect score is beyond any other."""
    return np.arctanh(np.clip(score, -_CERTAIN, _CERTAIN))


def _tenths(fires: IntArray) -> IntArray:
    """Tenth of each latent by firing rate, equal ones in the same: [latents]."""
    if not len(fires):
        return np.empty(0, np.int64)
    ordered = np.sort(fires)
    middle = (np.searchsorted(ordered, fires, "left") + np.searchsorted(ordered, fires, "right") - 1) / 2
    return np.minimum(middle * BINS / len(fires), BINS - 1).astype(np.int64)


def correlations(a: csc_array, b: csc_array) -> FloatArray:
    """Pearson correlation of every column of one sparse matrix with every column of another: [columns, columns].

    Args:
        a, b: [entities, latents], the same entities in the same order.

    Returns:
        -1..1; 0 where a column is constant.
    """
    n = a.shape[0]
    joint = _products(a, b) / n
    mean_a, spread_a = _moments(a)
    mean_b, spread_b = _moments(b)
    joint -= np.outer(mean_a, mean_b)
    joint /= np.outer(spread_a, spread_b)
    return np.clip(joint, -1, 1, out=joint)


def pairwise(a: csc_array, b: csc_array) -> FloatArray:
    """Pearson correlation of each column of one sparse matrix with the same column of another: [columns]."""
    mean_a, spread_a = _moments(a)
    mean_b, spread_b = _moments(b)
    joint = np.asarray(a.multiply(b).sum(axis=0), dtype=np.float64) / a.shape[0]
    return np.asarray(np.clip((joint - mean_a * mean_b) / (spread_a * spread_b), -1, 1))


def _products(a: csc_array, b: csc_array) -> FloatArray:
    """``a.T @ b``, dense: [columns, columns]."""
    if max(a.nnz / max(np.prod(a.shape), 1), b.nnz / max(np.prod(b.shape), 1)) < _SPARSE:
        return np.asarray((a.T @ b).toarray(), dtype=np.float64)
    a, b = a.tocsr(), b.tocsr()
    found = np.zeros((a.shape[1], b.shape[1]))
    for start in range(0, a.shape[0], _ROWS):
        rows = slice(start, start + _ROWS)
        found += a[rows].toarray().T @ b[rows].toarray()
    return found


def _moments(codes: csc_array) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each column; infinite where the column is constant, so that it goes with none."""
    n = codes.shape[0]
    mean = np.asarray(codes.sum(axis=0), dtype=np.float64) / n
    square = np.asarray(codes.multiply(codes).sum(axis=0), dtype=np.float64) / n
    variance = square - mean**2
    spread = np.sqrt(np.where(variance > 1e-12 * np.maximum(square, 1e-300), variance, np.inf))
    return mean, spread


def cosines(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cosine of every row of one matrix with every row of another: [rows, rows]; 0 for a row of zeros."""
    return np.clip(_unit(a) @ _unit(b).T, -1, 1)


def _unit(rows: FloatArray) -> FloatArray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)


def alike(rows: FloatArray, seed: int) -> Iterator[FloatArray]:
    """Random rows with the same second moments, ``DRAWS`` times: [rows, dim].

    Decoder rows keep to the directions in which vectors vary; rows drawn from the whole sphere would be easy to beat.
    """
    values, axes = np.linalg.eigh(rows.T @ rows / len(rows))
    scaled = axes * np.sqrt(np.maximum(values, 0))
    for rng in np.random.default_rng([seed, len(rows)]).spawn(DRAWS):
        yield rng.normal(size=rows.shape) @ scaled.T
