"""Monosemanticity4Rec: autoencoders saved whole (``torch.save(module)``) or as state dicts.

*MF*: each row layer-normalised inside, ``z = activation(W (x~ - pre_bias) + latent_bias)``, decoded with the
same W. The layout is that of OpenAI's ``sparse_autoencoder``, whose decoder may also be untied.
*NCF*: ``z = ReLU(W x + b)``, ``x^ = W^T z``; no decoder bias, and its ``topk_activation`` is a ReLU.
Source: the ML-1M notebooks at aeec8f8; ``sparse_autoencoder/model.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.tools.sae_parts import matrix, resolve_k, vector
from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable

_MF = {"pre_bias", "latent_bias", "encoder.weight"}
_NCF = {"encoder_linear.weight", "encoder_linear.bias", "decoder.tied_layer.weight"}
_DEEPEST = 8
"""Modules inside modules; the deepest of the tool's is two down."""


def recognises_sae(checkpoint: Checkpoint) -> bool:
    keys = _tensors(checkpoint.tree).keys()
    return keys >= _MF or keys >= _NCF


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    tensors = _tensors(checkpoint.tree)
    return _mf(checkpoint, tensors, hints) if tensors.keys() >= _MF else _ncf(checkpoint, tensors)


def _mf(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> SaeSpec:
    encoder = matrix(tensors, "encoder.weight", checkpoint)
    tied = "decoder.weight" not in tensors
    if tied:
        _check_tied(tensors, "encoder.weight", "decoder.linear.weight", checkpoint)
    kind, state = _activation(checkpoint.tree)
    activation, k, source = "relu", None, ""
    if kind == "TopK":
        _check_positive(state.get("postact_fn", "ReLU"), checkpoint)
        stored = state.get("k")
        k, source = resolve_k(
            hints, {"the activation's `k`": stored if type(stored) is int else None}, checkpoint
        )
        activation = "topk"
    elif kind != "ReLU":
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: its activation is {printable(kind, 60)}; known are ReLU and TopK",
            fix="see docs/formats.md for what can be read",
        )
    norm_in, notes = _normalisation(checkpoint.tree)
    return SaeSpec(
        tool="Monosemanticity4Rec",
        encoder=encoder,
        decoder=encoder if tied else matrix(tensors, "decoder.weight", checkpoint).T,
        encoder_bias=vector(tensors, "latent_bias", checkpoint),
        pre_bias=vector(tensors, "pre_bias", checkpoint),
        activation=activation,
        k=k,
        k_source=source,
        tied=tied,
        norm_in=norm_in,
        notes=notes,
    )


def _ncf(checkpoint: Checkpoint, tensors: Tensors) -> SaeSpec:
    encoder = matrix(tensors, "encoder_linear.weight", checkpoint)
    _check_tied(tensors, "encoder_linear.weight", "decoder.tied_layer.weight", checkpoint)
    return SaeSpec(
        tool="Monosemanticity4Rec",
        encoder=encoder,
        decoder=encoder,
        encoder_bias=vector(tensors, "encoder_linear.bias", checkpoint),
        pre_bias=None,
        activation="relu",
        k=None,
        tied=True,
    )


def _tensors(tree: Any) -> dict[str, np.ndarray]:
    """The state dict: as it is, or gathered from the modules of a whole object."""
    return _module_tensors(tree, "") if isinstance(tree, Stub) else arrays_of(tree)


def _module_tensors(module: Stub, prefix: str, depth: int = 0) -> dict[str, np.ndarray]:
    """Parameters and buffers of a pickled torch module under the keys its ``state_dict`` would give."""
    found: dict[str, np.ndarray] = {}
    for kind in ("_parameters", "_buffers"):
        found |= {prefix + key: value for key, value in arrays_of(module.fields.get(kind)).items()}
    children = module.fields.get("_modules")
    for name, child in children.items() if isinstance(children, Mapping) and depth < _DEEPEST else ():
        if isinstance(child, Stub):
            found |= _module_tensors(child, f"{prefix}{name}.", depth + 1)
    return found


def _activation(tree: Any) -> tuple[str, Mapping[str, Any]]:
    """Class name of the activation and its own settings."""
    if isinstance(tree, Stub):
        modules = tree.fields.get("_modules")
        module = (modules if isinstance(modules, Mapping) else tree.fields).get("activation")
        if not isinstance(module, Stub):
            return "missing", {}
        after = module.fields.get("postact_fn")
        inner = module.fields.get("_modules")
        after = after if after is not None else _object(inner).get("postact_fn")
        state = dict(module.fields) | ({"postact_fn": _class(after)} if isinstance(after, Stub) else {})
        return _class(module), state
    name = tree.get("activation")
    return name if isinstance(name, str) else "missing", _object(tree.get("activation_state_dict"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _class(stub: Stub) -> str:
    return stub.name.rpartition(".")[2]


def _normalisation(tree: Any) -> tuple[str, tuple[str, ...]]:
    """A whole object says whether it normalises; a state dict does not, and the tool's notebooks always do."""
    if not isinstance(tree, Stub):
        return "layer_norm", (
            "a state dict does not say whether inputs are layer-normalised; read as the tool's notebooks train it",
        )
    return ("layer_norm" if tree.fields.get("normalize") is True else "none"), ()


def _check_positive(after: Any, checkpoint: Checkpoint) -> None:
    if after != "ReLU":
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: TopK is followed by {printable(after, 60)}, so codes could be "
            "negative; only ReLU is read",
            fix="train it with ReLU after TopK",
        )


def _check_tied(tensors: Tensors, encoder: str, decoder: str, checkpoint: Checkpoint) -> None:
    """A tied decoder is stored a second time; if it differs, someone edited one of the two."""
    again = tensors.get(decoder)
    if again is not None and not np.array_equal(again, tensors[encoder], equal_nan=True):
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: the decoder is tied, but `{decoder}` differs from `{encoder}`",
            fix="save the autoencoder again with the tool that trained it",
        )
