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

    Attributes:
        encoder: [latents, dim].
        encoder_bias: [latents] or None.
        decoder: [latents, dim], one row per latent.
        pre_bias: [dim], subtracted before encoding and added after decoding, or None.
        activation: ``relu_topk`` (ReLU, then the k largest), ``relu``.
        k: latents kept per row; None for ``relu``.
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
    k_source: str = ""
    """Where k came from: ``file name``, ``cfg.json``, ``--k``."""
