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
    decoder: FloatArray,
    case_codes: csc_array | None,
    sensitivity: FloatArray,
    item_codes: csc_array | None,
    item_scores: FloatArray,
) -> Links:
    """The ``KEPT`` latents nearest to each CAV by any of the three measures.

    Args:
        directions: [cavs, dim].
        decoder: [latents, dim].
        case_codes: [users, latents], None where the dictionary reads items only.
        sensitivity: [users, cavs].
        item_codes: [items, latents], None where it reads users only.
        item_scores: [items, cavs].
    """
    length = np.linalg.norm(decoder, axis=1)
    unit = np.divide(decoder, length[:, None], out=np.zeros_like(decoder), where=length[:, None] > 0)
    cosine = directions @ unit.T
    none = np.full(cosine.shape, np.nan)
    cases = none if case_codes is None else sparse_correlation(case_codes, sensitivity)
    items = none if item_codes is None else sparse_correlation(item_codes, item_scores)
    kept = np.zeros(cosine.shape, bool)
    for measure in (cosine, cases, items):
        size = np.where(np.isnan(measure), -1.0, np.abs(measure))
        best = np.argsort(-size, axis=1, kind="stable")[:, :KEPT]
        kept[np.arange(len(kept))[:, None], best] |= np.take_along_axis(size, best, axis=1) > 0
    cav, latent = np.nonzero(kept)
    return Links(cav, latent, cosine[cav, latent], cases[cav, latent], items[cav, latent])


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
