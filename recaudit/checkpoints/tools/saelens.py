"""SAELens: ``cfg.json`` and ``sae_weights.safetensors``, as saved for inference or in the middle of training.

Batch-top-k and Matryoshka SAEs are saved for inference as ``jumprelu`` with the decoder's row lengths folded
in; the true kind is then only in ``metadata.training_architecture``. A training save keeps its own
architecture, with one ``topk_threshold`` instead of a threshold per latent. Source: SAELens 6.54.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.tools.sae_parts import (
    Settings,
    agreed,
    matrix,
    number,
    rescaled_by_decoder_norm,
    resolve_k,
    settings_beside,
    vector,
)
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_NORMS = {
    "none": "none",
    "layer_norm": "layer_norm",
    "constant_norm_rescale": "constant_norm_rescale",
    # The scale of an average is folded into the weights when training ends.
    "expected_average_only_in": "none",
}
_BATCH_KINDS = ("batchtopk", "matryoshka_batchtopk")


def recognises_sae(checkpoint: Checkpoint) -> bool:
    # dictionary_learning uses the same names, but never saves safetensors.
    return checkpoint.receipt.format == "safetensors" and "W_enc" in arrays_of(checkpoint.tree)


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    tensors, cfg = arrays_of(checkpoint.tree), settings_beside(checkpoint)
    architecture = cfg.get("architecture", str, "")
    if not architecture:
        raise InputRefused(
            f"{cfg.where}: it does not say the architecture of the SAELens autoencoder",
            fix="put the cfg.json that SAELens saved beside the weights",
        )
    keeps_k = architecture == "topk" or _older_activation(cfg) == "topk"
    doubts = agreed(cfg, tensors, without_k=hints.k is not None or not keeps_k)
    common = _linear_parts(checkpoint, tensors, cfg, doubts)
    if architecture == "gated":
        return replace(
            common,
            activation="gated",
            encoder_bias=vector(tensors, "b_gate", checkpoint),
            magnitude_log_scale=vector(tensors, "r_mag", checkpoint),
            magnitude_bias=vector(tensors, "b_mag", checkpoint),
        )
    spec = replace(common, encoder_bias=vector(tensors, "b_enc", checkpoint))
    if keeps_k:
        k, source = resolve_k(hints, {cfg.where: _k_of(cfg)}, checkpoint)
        return _rescaled(replace(spec, activation="topk", k=k, k_source=source), cfg)
    if architecture in _BATCH_KINDS:
        # The threshold was learned on rescaled pre-activations, so it applies after the rescaling.
        threshold = np.full(len(spec.encoder), number(tensors, "topk_threshold", checkpoint), np.float32)
        return _batch_topk(replace(_rescaled(spec, cfg), threshold=threshold), cfg)
    if architecture == "jumprelu":
        threshold = vector(tensors, "threshold", checkpoint)
        return _batch_topk(replace(spec, activation="jumprelu", threshold=threshold), cfg)
    return spec


def _linear_parts(
    checkpoint: Checkpoint, tensors: Tensors, cfg: Settings, doubts: tuple[str, ...]
) -> SaeSpec:
    norm = cfg.get("normalize_activations", str, "none")
    if norm not in _NORMS:
        raise InputRefused(
            f"{cfg.where}: `normalize_activations` is {printable(norm, 60)}; known are {', '.join(_NORMS)}",
            fix="save the autoencoder again with a normalisation that SAELens documents",
        )
    if cfg.get("finetuning_scaling_factor", bool, False):
        raise InputRefused(
            f"{cfg.where}: it asks for a finetuning scaling factor, which is not read",
            fix="fold the factor into the decoder with SAELens and save again",
        )
    if norm == "expected_average_only_in":
        doubts += (
            "normalize_activations is expected_average_only_in: its factor is taken to be in the weights",
        )
    return SaeSpec(
        tool="SAELens",
        encoder=matrix(tensors, "W_enc", checkpoint).T,
        decoder=matrix(tensors, "W_dec", checkpoint),
        encoder_bias=None,
        pre_bias=vector(tensors, "b_dec", checkpoint),
        activation="relu",
        k=None,
        norm_in=_NORMS[norm],
        centred=cfg.get("apply_b_dec_to_input", bool, True),
        notes=doubts,
    )


def _rescaled(spec: SaeSpec, cfg: Settings) -> SaeSpec:
    return rescaled_by_decoder_norm(spec) if cfg.get("rescale_acts_by_decoder_norm", bool, False) else spec


def _batch_topk(spec: SaeSpec, cfg: Settings) -> SaeSpec:
    """``spec`` under its true kind, where training kept k per row on average."""
    metadata = _object(cfg.values.get("metadata"))
    trained_as = metadata.get("training_architecture", cfg.values["architecture"])
    if trained_as not in _BATCH_KINDS:
        return spec
    details = {**cfg.values, **_object(metadata.get("training_architecture_details"))}
    return replace(spec, activation="batch_topk", groups=_widths(details, len(spec.encoder)))


def _object(value: Any) -> dict[str, Any]:
    """Metadata only informs: what has not the form it should have is left out."""
    return value if isinstance(value, dict) else {}


def _widths(details: dict[str, Any], n_latents: int) -> tuple[int, ...]:
    widths = details.get("matryoshka_widths")
    if not isinstance(widths, list) or not all(type(width) is int for width in widths):
        return ()
    return tuple(width for width in widths if 0 < width <= n_latents)


def _older_activation(cfg: Settings) -> str:
    """SAELens before 6 kept the activation apart from the architecture.

    Raises:
        InputRefused: it is neither ``relu`` nor ``topk``.
    """
    name = cfg.get("activation_fn_str", str, "") or cfg.get("activation_fn", str, "relu")
    if name not in ("relu", "topk"):
        raise InputRefused(
            f"{cfg.where}: the activation {printable(name, 60)} is not read; known are relu and topk",
            fix="see docs/formats.md for what can be read",
        )
    return name


def _k_of(cfg: Settings) -> int | None:
    return cfg.get("k", int, 0) or cfg.inside("activation_fn_kwargs").get("k", int, 0) or None
