"""Are the strongest entities of one name alike, and those of different names not? RecSAE's figures and a silhouette."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from recaudit.labels.material import Material
from recaudit.metrics.silhouette import silhouettes

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STRONGEST = 5
"""Entities of a latent that stand for it: its strongest with distinct items."""


@dataclass(frozen=True)
class Similarity:
    """Cosines in one space, -1..1."""

    space: str
    """``probe`` (the vectors the dictionary reads; the published code) or ``item`` (item vectors; the paper)."""
    intra: float
    """Mean over latents of the cosine of their two strongest; higher = more alike."""
    inter: float
    """Mean cosine of the strongest of different latents; lower = better apart."""
    silhouette: float
    """Mean silhouette of the ``STRONGEST`` of every latent, each latent a cluster."""
    n: int
    """Latents."""


def similarities(material: Material, codes: csc_array, latents: Sequence[int]) -> list[Similarity]:
    """Both published variants over some latents; figures that need two latents or entities are NaN without them."""
    strongest = [_strongest(material, codes, latent) for latent in latents]
    spaces = {"probe": [material.vectors[places] for places in strongest]}
    column = material.catalogue.column_of(len(material.items.titles))
    if material.catalogue.vectors.shape[1]:
        spaces["item"] = [material.catalogue.vectors[column[material.focus[p]]] for p in strongest]
    return [_similarity(space, [_units(rows) for rows in parts]) for space, parts in spaces.items()]


def _strongest(material: Material, codes: csc_array, latent: int) -> IntArray:
    column = slice(codes.indptr[latent], codes.indptr[latent + 1])
    places = codes.indices[column][np.lexsort((codes.indices[column], -codes.data[column]))].astype(np.int64)
    _, first = np.unique(material.focus[places], return_index=True)
    return places[np.sort(first)[:STRONGEST]]


def _similarity(space: str, parts: list[FloatArray]) -> Similarity:
    pairs = [float(rows[0] @ rows[1]) for rows in parts if len(rows) >= 2]
    heads = np.array([rows[0] for rows in parts if len(rows)])
    n = len(heads)
    total = float((heads.sum(axis=0) ** 2).sum() - (heads**2).sum()) if n else 0.0
    cluster = np.repeat(np.arange(len(parts)), [len(rows) for rows in parts])
    separate = silhouettes(np.concatenate(parts), cluster) if n >= 2 else np.full(1, np.nan)
    return Similarity(
        space,
        float(np.mean(pairs)) if pairs else float("nan"),
        total / (n * (n - 1)) if n >= 2 else float("nan"),
        float(separate.mean()),
        len(parts),
    )


def _units(rows: NDArray[np.floating]) -> FloatArray:
    wide = rows.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(norms > 0, norms, 1)
