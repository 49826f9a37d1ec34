"""ReChorus' NeuMF: no biases in the output layer, no sigmoid."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, required
from recaudit.checkpoints.tools.rechorus.file import PADDING, Reader, unused
from recaudit.checkpoints.tools.stacks import stacked
from recaudit.checkpoints.types import Checkpoint

_TABLES = {
    "user_mf": "mf_u_embeddings.weight",
    "item_mf": "mf_i_embeddings.weight",
    "user_mlp": "mlp_u_embeddings.weight",
    "item_mlp": "mlp_i_embeddings.weight",
    "out.weight": "prediction.weight",
}


def _neumf(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    tables = {ours: required(tensors, key, checkpoint) for ours, key in _TABLES.items()}
    return ModelSpec(
        family="ncf",
        tool="ReChorus",
        architecture="NeuMF",
        tensors={**tables, **stacked(tensors, "mlp.", "layers")},
        padding={"user": PADDING, "item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, set(_TABLES.values()), "mlp."),
    )


READERS = (Reader(lambda tensors: _TABLES["user_mf"] in tensors, _neumf),)
