"""Which latents of a sparse autoencoder go with a CAV: by direction, and by what they fire on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

KEPT = 10
"""Latents kept per CAV and criterion."""


@dataclass(frozen=True)
class Links:
    """One entry per kept pair of a CAV and a latent."""

    cav: IntArray
    latent: IntArray
    cosine: FloatArray
    case_correlation: FloatArray
    item_correlation: FloatArray


def linked(
    directions: FloatArray,
    decoder: FloatArray | None,
    case_codes: csc_array | None,
    sensitivity: FloatArray,
    item_codes: csc_array | None,
    item_scores: FloatArray,
    n_latents: int,
) -> Links:
    """The ``KEPT`` latents nearest to each CAV by any of the three measures.

    Args:
        directions: [cavs, dim].
        decoder: [latents, dim], None where what the dictionary reads and the CAVs lie in different spaces.
        case_codes: [users, latents], None where the dictionary reads items only.
        sensitivity: [users, cavs].
        item_codes: [items, latents], None where it reads users only.
        item_scores: [items, cavs].
    """
    none = np.full((len(directions), n_latents), np.nan)
    cosine = none if decoder is None else directions @ _unit_rows(decoder).T
    cases = none if case_codes is None else sparse_correlation(case_codes, sensitivity)
    items = none if item_codes is None else sparse_correlation(item_codes, item_scores)
    kept = np.zeros(none.shape, bool)
    for measure in (cosine, cases, items):
        size = np.where(np.isnan(measure), -1.0, np.abs(measure))
        best = np.argsort(-size, axis=1, kind="stable")[:, :KEPT]
        kept[np.arange(len(kept))[:, None], best] |= np.take_along_axis(size, best, axis=1) > 0
    cav, latent = np.nonzero(kept)
    return Links(cav, latent, cosine[cav, latent], cases[cav, latent], items[cav, latent])


def _unit_rows(x: FloatArray) -> FloatArray:
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, length, out=np.zeros_like(x), where=length > 0)


def sparse_correlation(codes: csc_array, scores: FloatArray) -> FloatArray:
    """Pearson correlation of every code column with every score column: [scores' columns, codes' columns].

    NaN where a latent fires alike everywhere, never among them.
    """
    n = codes.shape[0]
    total = np.asarray(codes.sum(axis=0)).ravel()
    squares = np.asarray(codes.power(2).sum(axis=0)).ravel()
    centred = scores - scores.mean(axis=0)
    together = (codes.T @ centred).T  # centred scores need no centred codes
    spread = np.sqrt(np.maximum(squares - total**2 / n, 0))
    below = np.linalg.norm(centred, axis=0)[:, None] * spread[None]
    found: FloatArray = np.divide(together, below, out=np.full(together.shape, np.nan), where=below > 1e-12)
    return found
