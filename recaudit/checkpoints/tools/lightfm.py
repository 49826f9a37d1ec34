"""LightFM 1.17: the pickled (or joblib) model object; ids only in a ``Dataset`` pickled apart.

Rows of its tables are features. Without feature matrices LightFM gives every user and item one feature of
its own, and rows are users and items; with them an item is the weighted sum of its features' rows, and the
matrix, which the model does not keep, has to be given beside.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recaudit.checkpoints.scan import read_checkpoint
from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import arrays_of
from recaudit.checkpoints.tools.objects import PickledModel
from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable

_CLASS = "lightfm.lightfm.LightFM"
_TABLES = {
    "user": ("user_embeddings", 2),
    "item": ("item_embeddings", 2),
    "user_bias": ("user_biases", 1),
    "item_bias": ("item_biases", 1),
}
_TRAINING = ("_gradients", "_momentum")
_USUAL_NAME = {"item": "item_features.npz", "user": "user_features.npz"}


def recognises_model(checkpoint: Checkpoint) -> bool:
    return isinstance(checkpoint.tree, Stub) and checkpoint.tree.name == _CLASS


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    model = PickledModel(checkpoint, checkpoint.tree)
    tensors = {ours: model.array(theirs, ndim) for ours, (theirs, ndim) in _TABLES.items()}
    features: dict[str, np.ndarray] = {}
    for kind, given in (("item", hints.item_features), ("user", hints.user_features)):
        if given is not None:
            features |= _csr(given, kind)
        else:
            _refuse_ignored(checkpoint.path.with_name(_USUAL_NAME[kind]), kind)
    return ModelSpec(
        family="feature_sum" if features else "dot",
        tool="LightFM",
        architecture="LightFM",
        tensors={**tensors, **features},
        unused=tuple(
            key
            for key in model.unused(*(theirs for theirs, _ in _TABLES.values()))
            if not key.endswith(_TRAINING)
        ),
    )


def _csr(path: Path, kind: str) -> dict[str, np.ndarray]:
    """``{kind}_features.{data,indices,indptr,shape}`` from what ``scipy.sparse.save_npz`` wrote."""
    parts = arrays_of(read_checkpoint(path).tree)
    kept = ("data", "indices", "indptr", "shape")
    if bytes(parts.get("format", np.array(b""))) != b"csr" or not parts.keys() >= set(kept):
        raise InputRefused(
            f"{printable(path.name)}: this is no sparse matrix in csr form",
            fix=f"write it with scipy.sparse.save_npz(FILE, {kind}_features.tocsr())",
        )
    return {f"{kind}_features.{part}": parts[part] for part in kept}


def _refuse_ignored(path: Path, kind: str) -> None:
    if path.is_file():
        raise InputRefused(
            f"{printable(path.name)} lies beside the model: if it was trained with {kind} features, the rows "
            f"of its {kind} table are features, not {kind}s",
            fix=f"give it with --{kind}-features FILE, or move it away if the model was trained without",
        )
