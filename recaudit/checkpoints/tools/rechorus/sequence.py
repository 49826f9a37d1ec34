"""ReChorus' models of a user's history in order."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints, integer_from_name
from recaudit.checkpoints.tools.names import Tensors, renamed_blocks, required
from recaudit.checkpoints.tools.rechorus.file import ITEM, PADDING, POSITION, Reader, unused
from recaudit.checkpoints.types import Checkpoint

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


def _is_sasrec(tensors: Tensors) -> bool:
    return ITEM in tensors and any(key.startswith(f"{_BLOCK}0.masked_attn_head") for key in tensors)


def _sasrec(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    position = required(tensors, POSITION, checkpoint)
    return ModelSpec(
        family="sasrec",
        tool="ReChorus",
        architecture="SASRec",
        tensors={
            "item": tensors[ITEM],
            "position": position,
            **renamed_blocks(tensors, _BLOCK, _BLOCK_PARTS),
        },
        settings={
            "heads": integer_from_name(checkpoint.path, "num_heads", "--heads", hints.heads),
            "history_length": hints.history_length or len(position) - 1,
            "positions": "from_end",
            "activation": "relu",
            "norm_eps": 1e-5,
            "norm_input": False,
        },
        padding={"item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, {ITEM, POSITION}, _BLOCK),
    )


READERS = (Reader(_is_sasrec, _sasrec),)
