"""sparsify (EleutherAI): a folder with ``cfg.json`` and ``sae.safetensors``; ReLU, then top-k or group-max.

A transcoder (``transcode``) predicts another tensor than its input: it does not centre, and what it gives
back is held against the input here all the same. ``W_skip`` adds a linear path. Source: sparsify 1.3.3.
"""

from __future__ import annotations

from dataclasses import replace

from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import arrays_of
from recaudit.checkpoints.tools.recsae import relu_topk
from recaudit.checkpoints.tools.sae_parts import Settings, agreed, matrix, resolve_k, settings_beside
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_ACTIVATIONS = {"topk": "relu_topk", "groupmax": "groupmax"}


def recognises_sae(checkpoint: Checkpoint) -> bool:
    return (
        checkpoint.receipt.format == "safetensors"
        and {"encoder.weight", "W_dec"} <= arrays_of(checkpoint.tree).keys()
    )


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    tensors, cfg = arrays_of(checkpoint.tree), settings_beside(checkpoint)
    doubts = agreed(cfg, tensors, without_k=hints.k is not None)
    k, source = resolve_k(hints, {cfg.where: cfg.get("k", int, 0) or None}, checkpoint)
    spec = relu_topk("sparsify", tensors, "", checkpoint, k=k, k_source=source)
    transcode = cfg.get("transcode", bool, False)
    if transcode:
        doubts += ("a transcoder: it was trained to predict another vector than the one it reads",)
    return replace(
        spec,
        activation=_activation(cfg),
        centred=not transcode,
        skip=matrix(tensors, "W_skip", checkpoint) if "W_skip" in tensors else None,
        notes=doubts,
    )


def _activation(cfg: Settings) -> str:
    name = cfg.get("activation", str, "topk")
    if name not in _ACTIVATIONS:
        raise InputRefused(
            f"{cfg.where}: the activation {printable(name, 60)} is unknown; known are {', '.join(_ACTIVATIONS)}",
            fix="restore the cfg.json that sparsify saved beside the weights",
        )
    return _ACTIVATIONS[name]
