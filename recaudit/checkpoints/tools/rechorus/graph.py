"""ReChorus' models over the graph of training interactions; it saves layer 0 only."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints, integer_from_name
from recaudit.checkpoints.tools.names import Tensors, required
from recaudit.checkpoints.tools.rechorus.file import PADDING, Reader, unused
from recaudit.checkpoints.types import Checkpoint

_USER, _ITEM = "encoder.embedding_dict.user_emb", "encoder.embedding_dict.item_emb"


def _lightgcn(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    return ModelSpec(
        family="lightgcn",
        tool="ReChorus",
        architecture="LightGCN",
        tensors={"user": tensors[_USER], "item": required(tensors, _ITEM, checkpoint)},
        settings={
            "layers": integer_from_name(checkpoint.path, "n_layers", "--layers", hints.layers),
            "degree_guard": 1e-10,
        },
        padding={"user": PADDING, "item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, {_USER, _ITEM}),
    )


READERS = (Reader(lambda tensors: _USER in tensors, _lightgcn),)
