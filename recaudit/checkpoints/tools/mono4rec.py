"""Monosemanticity4Rec: whole objects of its notebooks, pickled; classes live in ``__main__``.

A module's tensors lie in ``_parameters`` of nested ``_modules``; its state dict reads the same. The factors
of MF also come as four csv files. Rows are rows of the notebook's data matrix: ids are nowhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of, required
from recaudit.checkpoints.tools.stacks import stacked
from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable

_MF = {"user": "P", "item": "Q", "user_bias": "b_u", "item_bias": "b_i"}
_CSV = {"user": "users_embeddings", "item": "items_embeddings", "user_bias": "b_u", "item_bias": "b_i"}
_NCF = {"user_mlp": "user_embedding.weight", "item_mlp": "item_embedding.weight"}
_NCF_BIASES = {"user_bias": "user_bias.weight", "item_bias": "item_bias.weight"}
_MLP = "fc_layers."
_DEEPEST = 8


def recognises_model(checkpoint: Checkpoint) -> bool:
    return (
        set(_MF.values()) <= _fields(checkpoint.tree).keys()
        or _is_ncf(_state_dict(checkpoint.tree))
        or _csv_suffix(checkpoint) is not None
    )


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    if _csv_suffix(checkpoint) is not None:
        return _mf_csv(checkpoint)
    state = _state_dict(checkpoint.tree)
    return _ncf(checkpoint, state) if _is_ncf(state) else _mf(checkpoint)


def _mf(checkpoint: Checkpoint) -> ModelSpec:
    """``σ(b + b_u + b_i + P_u · Q_i)``; the Last.FM notebooks have no ``b``."""
    fields = _fields(checkpoint.tree)
    factors = {ours: required(arrays_of(fields), key, checkpoint) for ours, key in _MF.items()}
    level = fields.get("b", 0.0)
    if not isinstance(level, int | float | np.number) and np.size(level) != 1:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: the overall level `b` is {printable(level, 60)}, not a number",
            fix="save the model object again",
        )
    # A constant for everyone: kept with the users, where it moves no rank.
    factors["user_bias"] = factors["user_bias"] + float(np.asarray(level).reshape(()))
    return _mf_spec(factors, link="sigmoid")


def _mf_csv(checkpoint: Checkpoint) -> ModelSpec:
    """The factors as csv files; the other three lie beside the one named.

    The level ``b`` is in no csv file. It moves no rank, but without it the sigmoid would show wrong
    numbers, so scores are shown as they are before it.
    """
    from recaudit.checkpoints import read_checkpoint

    suffix = _csv_suffix(checkpoint)
    factors = {}
    for ours, name in _CSV.items():
        path = checkpoint.path.with_name(f"{name}{suffix}")
        if not path.exists():
            raise InputRefused(
                f"{printable(checkpoint.path.name)}: {printable(path.name)} is not beside it",
                fix="keep the four csv files of one model in one folder",
            )
        beside = checkpoint if path == checkpoint.path else read_checkpoint(path)
        factors[ours] = required(arrays_of(beside.tree), "vectors", beside)
    return _mf_spec(factors, link="identity")


def _mf_spec(factors: dict[str, np.ndarray], link: str) -> ModelSpec:
    return ModelSpec(
        family="dot",
        tool="Monosemanticity4Rec",
        architecture="MF",
        tensors=factors,
        link=link,
    )


def _ncf(checkpoint: Checkpoint, state: Tensors) -> ModelSpec:
    """``σ(mlp([u ; i]))``; the Last.FM notebooks add biases of user and item after the sigmoid."""
    layers = stacked(state, _MLP, "layers")
    last = max(int(name.split(".")[1]) for name in layers)
    biases = _NCF_BIASES if _NCF_BIASES["item_bias"] in state else {}
    tensors = {ours: required(state, key, checkpoint) for ours, key in (_NCF | biases).items()}
    for name, tensor in layers.items():
        _, index, kind = name.split(".")
        tensors[f"out.{kind}" if int(index) == last else name] = tensor
    known = {*_NCF.values(), *biases.values()}
    return ModelSpec(
        family="ncf",
        tool="Monosemanticity4Rec",
        architecture="NCF",
        tensors=tensors,
        link="identity" if biases else "sigmoid",
        unused=tuple(key for key in state if key not in known and not key.startswith(_MLP)),
    )


def _is_ncf(state: Tensors) -> bool:
    return set(_NCF.values()) <= state.keys() and f"{_MLP}0.weight" in state


def _csv_suffix(checkpoint: Checkpoint) -> str | None:
    """What the four files of one model have in common: ``_mf_model.csv``."""
    name = Path(checkpoint.path).name
    if checkpoint.receipt.format != "csv" or "vectors" not in arrays_of(checkpoint.tree):
        return None
    return next((name.removeprefix(start) for start in _CSV.values() if name.startswith(f"{start}_")), None)


def _fields(tree: Any) -> dict[str, Any]:
    return tree.fields if isinstance(tree, Stub) else {}


def _state_dict(tree: Any) -> dict[str, np.ndarray]:
    """A state dict as it is, or the one that a pickled module would give."""
    if not isinstance(tree, Stub):
        return arrays_of(tree)
    state: dict[str, np.ndarray] = {}
    pending = [("", tree, 0)]
    while pending:
        prefix, module, depth = pending.pop()
        fields = _fields(module)
        for key, tensor in arrays_of(fields.get("_parameters")).items():
            state[prefix + key] = tensor
        children = fields.get("_modules")
        if isinstance(children, dict) and depth < _DEEPEST:
            pending += [(f"{prefix}{name}.", child, depth + 1) for name, child in children.items()]
    return state
