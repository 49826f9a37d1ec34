"""What a latent's strongest entities have in common: concept shares, decades, and how surprising they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.metrics.enrichment import false_discovery, log_enrichment_p

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

TOP = 20
"""Entities of a latent that purity looks at."""
DECADE_TOP = 200
"""Entities of a latent whose decades are counted."""
DRAWS = 1000


@dataclass(frozen=True)
class Purity:
    """Per latent, all [latents]; NaN (``concept`` -1) for a latent without strongest entities."""

    concept: IntArray
    """The most frequent concept among the strongest entities; of equally frequent ones the rarest overall."""
    share: FloatArray
    """Share of the strongest entities that have it, 0..1. Monosemanticity4Rec's purity when one tag is asked."""
    base: FloatArray
    """Share of all entities that have it."""
    lift: FloatArray
    """share / base; 1 = as everywhere."""
    p: FloatArray
    """Hypergeometric, one-sided, of the concept named."""
    q: FloatArray
    """Benjamini-Hochberg over all pairs of latent and concept, so that naming the best one is paid for."""


def strongest(scores: NDArray[np.floating], count: int) -> BoolArray:
    """The ``count`` highest entities of each column with a score above the column's least: [entities, columns].

    Ties at the last place go to the lower entity. A constant column has none.
    """
    chosen = np.zeros(scores.shape, dtype=bool)
    places = np.argsort(-scores, axis=0, kind="stable")[:count]
    np.put_along_axis(chosen, places, np.take_along_axis(scores, places, axis=0) > scores.min(axis=0), axis=0)
    return chosen


def purity(top: BoolArray, labels: csr_array) -> Purity:
    """Purity of every latent.

    Args:
        top: [entities, latents] from ``strongest``.
        labels: [entities, concepts], binary.
    """
    n, n_concepts = labels.shape
    drawn = top.sum(axis=0)
    both = np.rint(labels.T @ top.astype(np.float64)).T.astype(np.int64)  # [latents, concepts]
    n_with = np.asarray(labels.sum(axis=0)).astype(np.int64)
    p = np.exp(log_enrichment_p(both, drawn[:, None], n_with[None], n))
    q = false_discovery(np.where(drawn[:, None] > 0, p, np.nan))
    # Whole numbers first, rarity second: below one half, so that it only breaks ties.
    concept = (
        (both - n_with / (2.0 * max(n, 1) + 1)).argmax(axis=1) if n_concepts else np.zeros(len(drawn), int)
    )
    alive = (drawn > 0) & (n_concepts > 0)
    rows = np.flatnonzero(alive)
    named = concept[rows]
    found = {name: np.full(len(drawn), np.nan) for name in ("share", "base", "lift", "p", "q")}
    found["share"][rows] = both[rows, named] / drawn[rows]
    found["base"][rows] = n_with[named] / n
    with np.errstate(divide="ignore", invalid="ignore"):
        found["lift"][rows] = found["share"][rows] / found["base"][rows]
    found["p"][rows], found["q"][rows] = p[rows, named], q[rows, named]
    return Purity(np.where(alive, concept, -1), **found)


@dataclass(frozen=True)
class Concentration:
    """How far a latent's strongest entities keep to few groups, all [latents] but ``counts``."""

    counts: IntArray
    """[latents, groups] strongest entities in each group."""
    value: FloatArray
    """1 - entropy of the shares / log(number of groups): 0 = spread evenly, 1 = a single group; NaN for none."""
    expected: FloatArray
    """Mean of the same over random sets of as many entities: an uneven catalogue is concentrated by itself."""
    p: FloatArray
    """Share of random sets at least as concentrated (plus one, over draws plus one)."""


def concentration(top: BoolArray, group: IntArray, *, seed: int, draws: int = DRAWS) -> Concentration:
    """Concentration of every latent's strongest entities over groups (decades), against random sets.

    Args:
        top: [entities, latents] from ``strongest``.
        group: [entities], from 0; -1 for an entity whose group is unknown, which takes no part.
    """
    known = group >= 0
    in_catalogue = np.bincount(group[known])
    groups = np.flatnonzero(in_catalogue)
    member = (group[:, None] == groups[None]).astype(np.float64)
    counts = np.rint(member.T @ top).T.astype(np.int64)
    value = _concentrated(counts)
    expected, p = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    size = counts.sum(axis=1)
    # A set's null depends on its size alone; each size has draws of its own, whatever other sizes occur.
    for size_ in np.unique(size[size > 0]):
        rng = np.random.default_rng([seed, int(size_)])
        drawn = _concentrated(rng.multivariate_hypergeometric(in_catalogue[groups], int(size_), size=draws))
        rows = np.flatnonzero(size == size_)
        expected[rows] = drawn.mean()
        # A hair below: sums in another order must not part equal histograms.
        at_least = len(drawn) - np.searchsorted(np.sort(drawn), value[rows] - 1e-12)
        p[rows] = (1 + at_least) / (1 + draws)
    return Concentration(counts, value, expected, p)


def _concentrated(counts: IntArray) -> FloatArray:
    from scipy.special import xlogy

    total = counts.sum(axis=1, keepdims=True)
    if counts.shape[1] < 2:
        return np.where(total[:, 0] > 0, 1.0, np.nan)
    with np.errstate(invalid="ignore"):
        share = counts / total
    entropy = -xlogy(share, share).sum(axis=1)
    return np.where(total[:, 0] > 0, 1 - entropy / np.log(counts.shape[1]), np.nan)
