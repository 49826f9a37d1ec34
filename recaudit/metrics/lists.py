"""Agreement of two ranked lists of the same length.

Lists are integer arrays [rows, depth], best first, without repeats in a row; ``EMPTY`` pads a list that
ran out of candidates and never matches. Every function returns one value per row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EMPTY = -1
RBO_PERSISTENCE = 0.9
_CHUNK_CELLS = 4_000_000

FloatArray = NDArray[np.float64]
Lists = NDArray[np.integer]


def overlap(a: Lists, b: Lists) -> FloatArray:
    """Share of common items, in 0..1; 1 means the same set, order ignored."""
    common = _by_chunk(lambda x, y: _matches(x, y).sum(axis=(1, 2)).astype(np.float64), a, b)
    return common / a.shape[1]


def rank_biased_overlap(
    a: Lists, b: Lists, *, p: float = RBO_PERSISTENCE, extrapolate: bool = True
) -> FloatArray:
    """Rank-biased overlap, top-weighted, in 0..1 (Webber, Moffat and Zobel 2010).

    Args:
        p: persistence; the first ten ranks carry about 86 % of the weight at .9.
        extrapolate: RBO_ext, where identical lists give 1. Without it the truncated sum that
            Monosemanticity4Rec prints: identical lists of 30 give 1 - p^30 = .9576.
    """
    depth = a.shape[1]
    depths = np.arange(1, depth + 1)
    agreement = _by_chunk(_common_by_depth, a, b) / depths
    truncated = (1 - p) * (agreement * p ** (depths - 1)).sum(axis=1)
    return truncated + agreement[:, -1] * p**depth if extrapolate else truncated


def kendall_tau(a: Lists, b: Lists) -> FloatArray:
    """Kendall's tau over the items both lists hold, in -1..1; NaN where fewer than two are common."""
    return _by_chunk(_tau_of_common, a, b)


def kendall_tau_union(a: Lists, b: Lists) -> FloatArray:
    """Kendall's tau-b over the union of both lists; a missing item gets rank depth + 1.

    Monosemanticity4Rec's variant: two disjoint lists of 30 give -.674, not 0.
    """
    return _by_chunk(_tau_of_union, a, b)


def _by_chunk(function, a: Lists, b: Lists) -> FloatArray:  # type: ignore[no-untyped-def]
    if a.shape != b.shape:
        raise ValueError(f"lists differ in shape: {a.shape} and {b.shape}")
    step = max(1, _CHUNK_CELLS // (4 * a.shape[1] ** 2))
    parts = [function(a[i : i + step], b[i : i + step]) for i in range(0, max(len(a), 1), step)]
    return np.concatenate(parts)


def _matches(a: Lists, b: Lists) -> NDArray[np.bool_]:
    # [rows, depth of a, depth of b]
    return (a[:, :, None] == b[:, None, :]) & (a[:, :, None] != EMPTY)


def _common_by_depth(a: Lists, b: Lists) -> FloatArray:
    depth = a.shape[1]
    places = np.arange(depth)
    enters_at = np.maximum(places[:, None], places[None, :])
    matches = _matches(a, b)
    entered = np.stack([matches[:, enters_at == d].sum(axis=1) for d in range(depth)], axis=1)
    return entered.cumsum(axis=1).astype(np.float64)


def _tau_of_common(a: Lists, b: Lists) -> FloatArray:
    matches = _matches(a, b)
    common = np.any(matches, axis=2)
    place_in_b = matches.argmax(axis=2)
    pairs = np.triu(common[:, :, None] & common[:, None, :], k=1)
    order = np.sign(place_in_b[:, None, :] - place_in_b[:, :, None])
    n_pairs = pairs.sum(axis=(1, 2))
    concordance = (order * pairs).sum(axis=(1, 2))
    return np.where(n_pairs > 0, concordance / np.maximum(n_pairs, 1), np.nan)


def _tau_of_union(a: Lists, b: Lists) -> FloatArray:
    depth = a.shape[1]
    matches = _matches(a, b)
    only_b = ~matches.any(axis=1) & (b != EMPTY)
    ranks = np.arange(1, depth + 1)
    rank_in_b_of_a = np.where(matches.any(axis=2), matches.argmax(axis=2) + 1, depth + 1)
    first = np.concatenate([np.broadcast_to(ranks, a.shape), np.full(b.shape, depth + 1)], axis=1)
    second = np.concatenate([rank_in_b_of_a, np.broadcast_to(ranks, b.shape)], axis=1)
    present = np.concatenate([a != EMPTY, only_b], axis=1)
    return _tau_b(first, second, present)


def _tau_b(first: Lists, second: Lists, present: NDArray[np.bool_]) -> FloatArray:
    pairs = np.triu(present[:, :, None] & present[:, None, :], k=1)
    d_first = np.sign(first[:, None, :] - first[:, :, None])
    d_second = np.sign(second[:, None, :] - second[:, :, None])
    concordance = (d_first * d_second * pairs).sum(axis=(1, 2))
    untied_first = ((d_first != 0) & pairs).sum(axis=(1, 2))
    untied_second = ((d_second != 0) & pairs).sum(axis=(1, 2))
    scale = np.sqrt(untied_first.astype(np.float64) * untied_second)
    return np.where(scale > 0, concordance / np.where(scale > 0, scale, 1), np.nan)
