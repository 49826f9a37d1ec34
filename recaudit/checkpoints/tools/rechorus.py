"""ReChorus: a bare state dict; the settings are in the file name or in shapes.

Rows are the integer ids of ReChorus' own csv files; row 0 is padding.
"""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints, integer_from_name
from recaudit.checkpoints.tools.names import Tensors, arrays_of, renamed_blocks, required
from recaudit.checkpoints.types import Checkpoint

_USER, _ITEM, _POSITION = "u_embeddings.weight", "i_embeddings.weight", "p_embeddings.weight"
_BLOCK = "transformer_block."
_BLOCK_PARTS = {
    "masked_attn_head.q_linear": "query",
    "masked_attn_head.k_linear": "key",
    "masked_attn_head.v_linear": "value",
    "layer_norm1": "norm1",
    "linear1": "linear1",
    "linear2": "linear2",
    "layer_norm2": "norm2",
}


def recognises_model(checkpoint: Checkpoint) -> bool:
    tensors = arrays_of(checkpoint.tree)
    return _ITEM in tensors and (_USER in tensors or _is_sasrec(tensors))


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    tensors = arrays_of(checkpoint.tree)
    return _sasrec(checkpoint, tensors, hints) if _is_sasrec(tensors) else _bprmf(tensors)


def _is_sasrec(tensors: Tensors) -> bool:
    return any(key.startswith(f"{_BLOCK}0.masked_attn_head") for key in tensors)


def _bprmf(tensors: Tensors) -> ModelSpec:
    return ModelSpec(
        family="dot",
        tool="ReChorus",
        architecture="BPRMF",
        tensors={"user": tensors[_USER], "item": tensors[_ITEM]},
        padding={"user": (0,), "item": (0,)},
        rows_are_ids=True,
        unused=_unused(tensors, {_USER, _ITEM}),
    )


def _sasrec(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    position = required(tensors, _POSITION, checkpoint)
    blocks = renamed_blocks(tensors, _BLOCK, _BLOCK_PARTS)
    used = {_ITEM, _POSITION} | {key for key in tensors if key.startswith(_BLOCK)}
    return ModelSpec(
        family="sasrec",
        tool="ReChorus",
        architecture="SASRec",
        tensors={"item": tensors[_ITEM], "position": position, **blocks},
        settings={
            "heads": integer_from_name(checkpoint.path, "num_heads", "--heads", hints.heads),
            "history_length": hints.history_length or len(position) - 1,
            "positions": "from_end",
            "activation": "relu",
            "norm_eps": 1e-5,
            "norm_input": False,
        },
        padding={"item": (0,)},
        rows_are_ids=True,
        unused=_unused(tensors, used),
    )


def _unused(tensors: Tensors, used: set[str]) -> tuple[str, ...]:
    return tuple(key for key in tensors if key not in used and not key.startswith("sae_module."))
