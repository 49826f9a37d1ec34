"""ReChorus' models of a user's history in order."""

from __future__ import annotations

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints, integer_from_name
from recaudit.checkpoints.tools.names import Tensors, renamed_blocks, required
from recaudit.checkpoints.tools.rechorus.file import ITEM, PADDING, POSITION, Reader, unused
from recaudit.checkpoints.tools.stacks import depth, renamed, stacked
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


def _history_length(checkpoint: Checkpoint, position: np.ndarray | None, hints: Hints) -> int:
    """From the position table (place 0 is padding); nothing else in the file tells it."""
    if position is not None and hints.history_length is None:
        return len(position) - 1
    return integer_from_name(checkpoint.path, "history_max", "--history-length", hints.history_length)


def _gru4rec(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    dense = {f"dense.{kind}": required(tensors, f"out.{kind}", checkpoint) for kind in ("weight", "bias")}
    return ModelSpec(
        family="gru4rec",
        tool="ReChorus",
        architecture="GRU4Rec",
        tensors={"item": tensors[ITEM], **renamed(tensors, "rnn.", "gru."), **dense},
        settings={"history_length": _history_length(checkpoint, None, hints)},
        padding={"item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, {ITEM}, "rnn.", "out."),
    )


_ATTENTION = ("W1.weight", "W1.bias", "W2.weight", "W2.bias")


def _comirec(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    return ModelSpec(
        family="comirec",
        tool="ReChorus",
        architecture="ComiRec",
        tensors=_extractor(checkpoint, tensors),
        settings={
            "history_length": _history_length(checkpoint, tensors.get(POSITION), hints),
            "pools": "items",
        },
        padding={"item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, {ITEM, POSITION, *_ATTENTION}),
    )


_EXTRACTOR, _PREDICTOR, _PROJECTION = "interest_extractor.", "interest_predictor.", "proj.proj_"


def _timirec(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    """Fine-tuned, or (``--stage pretrain``) the extractor alone, which scores by the best interest."""
    extractor = renamed(tensors, _EXTRACTOR, "")
    pretrained = not any(key.startswith(_PREDICTOR) for key in tensors)
    mixed = {} if pretrained else _mixing(checkpoint, tensors)
    return ModelSpec(
        family="comirec" if pretrained else "timirec",
        tool="ReChorus",
        architecture="TiMiRec extractor" if pretrained else "TiMiRec",
        tensors={**_extractor(checkpoint, extractor), **mixed},
        settings={
            "history_length": _history_length(checkpoint, extractor.get(POSITION), hints),
            "pools": "inputs",
        },
        padding={"item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, set(), _EXTRACTOR, _PREDICTOR, _PROJECTION),
    )


def _extractor(checkpoint: Checkpoint, tensors: Tensors) -> dict[str, np.ndarray]:
    block = {
        f"block.{ours}.{kind}": tensors[key]
        for theirs, ours in _BLOCK_PARTS.items()
        for kind in ("weight", "bias")
        if (key := f"transformer.{theirs}.{kind}") in tensors
    }
    position = {"position": tensors[POSITION]} if POSITION in tensors else {}
    attention = {key: required(tensors, key, checkpoint) for key in _ATTENTION}
    return {"item": required(tensors, ITEM, checkpoint), **position, **attention, **block}


def _mixing(checkpoint: Checkpoint, tensors: Tensors) -> dict[str, np.ndarray]:
    """The predictor of interests; its projection's last layer is named, the ones before are numbered."""
    hidden = stacked(tensors, _PROJECTION, "proj")
    last = f"proj.{depth(hidden)}"
    return {
        "predictor.item": required(tensors, f"{_PREDICTOR}{ITEM}", checkpoint),
        **renamed(tensors, f"{_PREDICTOR}rnn.", "predictor.gru."),
        **hidden,
        f"{last}.weight": required(tensors, f"{_PROJECTION}final.weight", checkpoint),
        f"{last}.bias": required(tensors, f"{_PROJECTION}final.bias", checkpoint),
    }


READERS = (
    Reader(_is_sasrec, _sasrec),
    Reader(lambda tensors: f"{_EXTRACTOR}{ITEM}" in tensors, _timirec),
    Reader(lambda tensors: {ITEM, "rnn.weight_ih_l0"} <= tensors.keys(), _gru4rec),
    Reader(lambda tensors: {ITEM, *_ATTENTION} <= tensors.keys(), _comirec),
)
