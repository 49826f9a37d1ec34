"""rectorch: ``{epoch, state_dict, optimizer}`` of an autoencoder; EASE as a pickled dict in a ``.npy``.

Layer sizes are in the shapes, ids nowhere. A C-VAE's conditions follow the items among the input columns.
"""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of, required
from recaudit.checkpoints.tools.stacks import depth, stacked
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_ENCODER, _DECODER = "enc_layers.", "dec_layers."


def recognises_model(checkpoint: Checkpoint) -> bool:
    return f"{_DECODER}0.weight" in _state_dict(checkpoint) or _is_ease(checkpoint)


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    return _ease(checkpoint) if _is_ease(checkpoint) else _autoencoder(checkpoint)


def _autoencoder(checkpoint: Checkpoint) -> ModelSpec:
    state = _state_dict(checkpoint)
    encoder, decoder = stacked(state, _ENCODER, "encoder"), stacked(state, _DECODER, "decoder")
    inputs = required(state, f"{_ENCODER}0.weight", checkpoint).shape[-1]
    items = len(decoder[f"decoder.{depth(decoder) - 1}.weight"])
    given = len(encoder[f"encoder.{depth(encoder) - 1}.weight"])
    plain = given == decoder["decoder.0.weight"].shape[-1]
    return ModelSpec(
        family="autoencoder",
        tool="rectorch",
        architecture="C-VAE" if inputs > items else "Mult-DAE" if plain else "Mult-VAE",
        tensors={**encoder, **decoder},
        settings={"conditional": True},
        unused=tuple(key for key in state if not key.startswith((_ENCODER, _DECODER))),
    )


def _ease(checkpoint: Checkpoint) -> ModelSpec:
    """``model`` is the finished users × items matrix, not the weights between items."""
    scores = arrays_of(checkpoint.tree)["model"]
    if scores.ndim != 2:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: `model` has {scores.ndim} dimensions, a score matrix has 2",
            fix="save the model again",
        )
    return ModelSpec(family="score_table", tool="rectorch", architecture="EASE", tensors={"scores": scores})


def _is_ease(checkpoint: Checkpoint) -> bool:
    tree = checkpoint.tree
    return isinstance(tree, dict) and tree.keys() == {"lambda", "model"} and "model" in arrays_of(tree)


def _state_dict(checkpoint: Checkpoint) -> Tensors:
    tree = checkpoint.tree
    return arrays_of(tree.get("state_dict")) if isinstance(tree, dict) else {}
