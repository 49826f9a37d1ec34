"""Two towers in plain PyTorch: ``{user,item}_tower.embedding.weight`` and linear layers ``mlp.{0,2,…}``.

A state dict (zip or legacy), a TorchScript archive or the initialisers of an ONNX graph: all keep the
parameters' names. Between two linear layers of a ``Sequential`` stands one activation, which has no
parameters; it is read as ReLU, and TorchScript, which names it, is held to that.
"""

from __future__ import annotations

import re

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import arrays_of
from recaudit.checkpoints.tools.objects import stubs_in
from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable

_KEY = re.compile(r"(user|item)_tower\.(?:(embedding)\.weight|mlp\.(\d{1,4})\.(weight|bias))")
_ACTIVATION = re.compile(r"__torch__\.torch\.nn\.modules\.activation\.(?:___torch_mangle_\d+\.)?(\w+)")


def recognises_model(checkpoint: Checkpoint) -> bool:
    return {"user_tower.embedding.weight", "item_tower.embedding.weight"} <= _parameters(checkpoint).keys()


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    found = _parameters(checkpoint)
    named = {key: match for key in found if (match := _KEY.fullmatch(key))}
    tensors = {}
    for side in ("user", "item"):
        places = sorted({int(m[3]) for m in named.values() if m[1] == side and m[3]})
        if places != list(range(0, 2 * len(places), 2)):
            raise _refused(
                checkpoint,
                f"the linear layers of its {side} tower are numbered {', '.join(map(str, places))}; read are "
                "0, 2, 4, …, one activation between two",
            )
        for key, match in named.items():
            if match[1] == side:
                ours = "embedding" if match[2] else f"{places.index(int(match[3]))}.{match[4]}"
                tensors[f"{side}.{ours}"] = found[key]
    _check_activations(checkpoint)
    return ModelSpec(
        family="two_tower",
        tool="PyTorch",
        architecture="two towers",
        tensors=tensors,
        unused=tuple(key for key in found if key not in named),
    )


def _parameters(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Parameters by their dotted names; a TorchScript module keeps each as a field of its module."""
    if not isinstance(checkpoint.tree, Stub):
        return arrays_of(checkpoint.tree)
    if checkpoint.receipt.format != "torchscript":
        return {}
    found, pending = {}, [("", checkpoint.tree)]
    while pending:
        prefix, module = pending.pop()
        for name, value in module.fields.items():
            if isinstance(value, np.ndarray):
                found[f"{prefix}{name}"] = value
            elif isinstance(value, Stub):
                pending.append((f"{prefix}{name}.", value))
    return found


def _check_activations(checkpoint: Checkpoint) -> None:
    for stub in stubs_in(checkpoint.tree):
        match = _ACTIVATION.fullmatch(stub.name)
        if match and match[1] != "ReLU":
            raise _refused(checkpoint, f"its towers use {printable(match[1])}; read is ReLU")


def _refused(checkpoint: Checkpoint, what: str) -> InputRefused:
    return InputRefused(
        f"{printable(checkpoint.path.name)}: {what}",
        fix="save what the towers give as two plain tables, user_embeddings and item_embeddings",
    )
