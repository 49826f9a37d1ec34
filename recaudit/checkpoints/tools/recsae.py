"""RecSAE: ``sae_module.*`` inside the base model's state dict, or the same four tensors apart.

``z`` = the k largest of ReLU(W (x - b_dec) + b_e); ``x^`` = z W_dec + b_dec. k is in no tensor, only in
the file name. Source: the code of RecSAE (arXiv 2411.06112).
"""

from __future__ import annotations

from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools.hints import Hints, integer_from_name
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.tools.sae_parts import matrix, vector
from recaudit.checkpoints.types import Checkpoint

_PREFIX = "sae_module."
_PARTS = ("encoder.weight", "encoder.bias", "W_dec", "b_dec")


def recognises_sae(checkpoint: Checkpoint) -> bool:
    tensors = arrays_of(checkpoint.tree)
    return any(key.startswith(_PREFIX) for key in tensors) or (
        set(_PARTS) <= tensors.keys() and checkpoint.receipt.format != "safetensors"
    )


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    tensors = arrays_of(checkpoint.tree)
    prefix = _PREFIX if any(key.startswith(_PREFIX) for key in tensors) else ""
    k = integer_from_name(checkpoint.path, "sae_k", "--k", hints.k)
    source = "file name" if hints.k is None else "--k"
    return relu_topk("RecSAE", tensors, prefix, checkpoint, k=k, k_source=source)


def relu_topk(
    tool: str, tensors: Tensors, prefix: str, checkpoint: Checkpoint, *, k: int, k_source: str
) -> SaeSpec:
    """The arithmetic RecSAE shares with sparsify, under the key names they share."""
    return SaeSpec(
        tool=tool,
        encoder=matrix(tensors, prefix + "encoder.weight", checkpoint),
        encoder_bias=vector(tensors, prefix + "encoder.bias", checkpoint),
        decoder=matrix(tensors, prefix + "W_dec", checkpoint),
        pre_bias=vector(tensors, prefix + "b_dec", checkpoint),
        activation="relu_topk",
        k=k,
        k_source=k_source,
    )
