"""From Knots to Knobs (arXiv 2601.11182): ``{epoch, job_cfg, model_state_dict}`` with ``encoder_w [dim, latents]``.

Each row is standardised before encoding and brought back after decoding; ReLU comes before top-k. Its
batch-top-k keeps the largest of a whole batch and has no threshold for use, so the same vector has other
codes in other company: such a file is refused. Source: ``sae.py`` of that repository.
"""

from __future__ import annotations

from typing import Any

from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import arrays_of
from recaudit.checkpoints.tools.sae_parts import Settings, matrix, resolve_k, vector
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_PARTS = {"encoder_w", "encoder_b", "decoder_w", "decoder_b"}
_KINDS = ("BasicSAE", "TopKSAE")


def recognises_sae(checkpoint: Checkpoint) -> bool:
    return arrays_of(_state(checkpoint)).keys() >= _PARTS


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    tensors, cfg = arrays_of(_state(checkpoint)), _job(checkpoint)
    kind = cfg.get("model_class", str, "")
    if kind not in _KINDS:
        said = f"says model_class {printable(kind, 60)}" if kind else "does not say `model_class`"
        raise InputRefused(
            f"{cfg.where} {said}; its activation is known for {' and '.join(_KINDS)}, and never guessed",
            fix="give the checkpoint as the tool saved it, with its job_cfg",
        )
    k, source = None, ""
    if kind == "TopKSAE":
        k, source = resolve_k(hints, {cfg.where: cfg.get("k", int, 0) or None}, checkpoint)
    return SaeSpec(
        tool="Knots to Knobs",
        encoder=matrix(tensors, "encoder_w", checkpoint).T,
        decoder=matrix(tensors, "decoder_w", checkpoint),
        encoder_bias=vector(tensors, "encoder_b", checkpoint),
        pre_bias=vector(tensors, "decoder_b", checkpoint),
        activation="relu" if k is None else "relu_topk",
        k=k,
        k_source=source,
        norm_in="standardise",
    )


def _state(checkpoint: Checkpoint) -> Any:
    tree = checkpoint.tree
    return tree.get("model_state_dict", tree) if isinstance(tree, dict) else None


def _job(checkpoint: Checkpoint) -> Settings:
    where = f"`job_cfg` of {printable(checkpoint.path.name)}"
    return Settings(where, Settings(where, checkpoint.tree).get("job_cfg", dict, {}))
