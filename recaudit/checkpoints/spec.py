"""What a tool's file says once its names are mapped: the seam between ``checkpoints`` and ``models``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ModelSpec:
    """A recommender's tensors under the names its family uses, and what is known beside them."""

    family: str
    """Key of ``models.FAMILIES``: ``dot``, ``sasrec``, …"""
    tool: str
    """Who wrote the file: ``RecBole``, ``ReChorus``, ``tables``, …"""
    architecture: str
    """The tool's own name of the model: ``BPR``, ``SASRec``."""
    tensors: Mapping[str, np.ndarray]
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Facts that shapes do not tell: heads, history length, activation."""
    padding: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Rows that stand for nobody, by kind (``user``, ``item``)."""
    raw_ids: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Row to raw id, by kind, where the file itself holds ids."""
    link: str = "identity"
    """What the tool does to a score before it shows it, see ``models.heads.LINKS``."""
    rows_are_ids: bool = False
    """The tool numbers users and items itself and its data files carry those numbers (ReChorus)."""
    unused: tuple[str, ...] = ()
    """Tensors of the file that this reading does not need."""


@dataclass(frozen=True)
class SaeSpec:
    """A sparse autoencoder's tensors, brought to one orientation, with every convention spelled out.

    With ``n(x)`` the input as ``norm_in`` asks, and ``c = pre_bias`` where ``centred``, else 0::

        p  = W (n(x) - c) + encoder_bias        pre-activations, [latents]
        z  = activation(p)                      the code, z >= 0
        x^ = n^-1(V^T z + pre_bias) + S x       W encoder, V decoder, S skip

    Attributes:
        encoder: [latents, dim]; for ``gated`` the weights that gate and magnitude share.
        encoder_bias: [latents] or None; for ``gated`` the gate's.
        decoder: [latents, dim], one row per latent.
        pre_bias: [dim], added after decoding and, if ``centred``, subtracted before encoding; or None.
        activation: one of ``ACTIVATIONS``.
        k: latents kept per row (``relu_topk``, ``topk``) or groups (``groupmax``); None for the others.
    """

    tool: str
    encoder: np.ndarray
    decoder: np.ndarray
    encoder_bias: np.ndarray | None
    pre_bias: np.ndarray | None
    activation: str
    k: int | None
    tied: bool = False
    norm_in: str = "none"
    """One of ``NORMS_IN``."""
    k_source: str = ""
    """Where k came from: ``file name``, ``cfg.json``, ``--k``."""
    centred: bool = True
    threshold: np.ndarray | None = None
    """[latents]; what a pre-activation must exceed (``jumprelu``, ``batch_topk``)."""
    magnitude_log_scale: np.ndarray | None = None
    """[latents]; ``r_mag`` of a gated SAE."""
    magnitude_bias: np.ndarray | None = None
    """[latents]; ``b_mag`` of a gated SAE."""
    skip: np.ndarray | None = None
    """[dim, dim]; a linear path around the latents (sparsify's ``W_skip``)."""
    latent_scale: np.ndarray | None = None
    """[latents]; what reading multiplied each encoder row and its bias by, and divided its decoder row by, as
    the tool does when it loads or runs the file. ``encoder`` and ``decoder`` have it in them already."""
    groups: tuple[int, ...] = ()
    """Nested widths of a Matryoshka SAE: the first ``groups[0]`` latents are its smallest dictionary. The whole
    dictionary is what encodes, so they change nothing here."""
    notes: tuple[str, ...] = ()
    """What the reading doubts or had to assume, in words."""

    @property
    def finite(self) -> np.ndarray:
        """[latents] whether every parameter of the latent is a finite number; one that is not stays silent."""
        finite = np.isfinite(self.encoder).all(axis=1) & np.isfinite(self.decoder).all(axis=1)
        per_latent = (self.encoder_bias, self.threshold, self.magnitude_log_scale, self.magnitude_bias)
        for parameter in per_latent:
            if parameter is not None:
                finite &= np.isfinite(parameter)
        return np.asarray(finite)


ACTIVATIONS = {
    "relu": "every positive pre-activation",
    "relu_topk": "ReLU, then the k largest of the row",
    "topk": "the k largest of the row, then ReLU: the same codes as relu_topk",
    "jumprelu": "positive pre-activations above the latent's own threshold",
    "batch_topk": "positive pre-activations above the threshold that k per row gave on average in training",
    "gated": "magnitude where the gate is open: [p > 0] ReLU(e^r_mag (p - b_gate) + b_mag)",
    "groupmax": "the largest of each of k equal groups of neighbouring latents, if positive",
}
"""Activation to what it keeps."""

NORMS_IN = {
    "none": "input as it is",
    "layer_norm": "each row minus its mean, over its unbiased sd + 1e-5; undone with the sd alone",
    "standardise": "each row minus its mean, over its unbiased sd + 1e-7; undone with the same divisor",
    "constant_norm_rescale": "each row rescaled to length sqrt(dim); undone after decoding",
}
"""Input normalisation to what it does; each is of a row by itself, so no statistics of a data set are needed."""
