"""RecBole's models over the graph of training interactions.

The state dict holds layer 0. What the last evaluation propagated is kept in ``other_parameter``; where it
is, no graph is needed.
"""

from __future__ import annotations

import re

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.recbole.file import PADDING, Reader, RecBoleFile

_TABLES = {"user": "user_embedding.weight", "item": "item_embedding.weight"}
_PROPAGATED = {"user": "restore_user_e", "item": "restore_item_e"}
_DEGREE_GUARD = 1e-7


def _lightgcn(file: RecBoleFile) -> ModelSpec:
    return _propagated(file, "LightGCN") or ModelSpec(
        family="lightgcn",
        tool="RecBole",
        architecture="LightGCN",
        tensors={ours: file.tensor(key) for ours, key in _TABLES.items()},
        settings={
            "layers": file.hints.layers or file.integer("n_layers", "--layers"),
            "degree_guard": _DEGREE_GUARD,
        },
        padding={"user": PADDING, "item": PADDING},
        unused=file.unused(set(_TABLES.values())),
    )


def _propagated(file: RecBoleFile, architecture: str, *layers: str) -> ModelSpec | None:
    if not set(_PROPAGATED.values()) <= file.other.keys():
        return None
    return ModelSpec(
        family="propagated",
        tool="RecBole",
        architecture=architecture,
        tensors={ours: file.other[key] for ours, key in _PROPAGATED.items()},
        padding={"user": PADDING, "item": PADDING},
        unused=file.unused(set(_TABLES.values()), *layers),
    )


def _ngcf(file: RecBoleFile) -> ModelSpec:
    layers = {}
    for theirs, ours in (("linear", "own"), ("interActTransform", "pair")):
        for key, tensor in file.tensors.items():
            if match := re.fullmatch(rf"GNNlayers\.(\d{{1,4}})\.{theirs}\.(weight|bias)", key):
                layers[f"{ours}.{match[1]}.{match[2]}"] = tensor
    return _propagated(file, "NGCF", "GNNlayers.") or ModelSpec(
        family="ngcf",
        tool="RecBole",
        architecture="NGCF",
        tensors={**{ours: file.tensor(key) for ours, key in _TABLES.items()}, **layers},
        settings={"degree_guard": _DEGREE_GUARD},
        padding={"user": PADDING, "item": PADDING},
        unused=file.unused(set(_TABLES.values()), "GNNlayers."),
    )


READERS: dict[str, Reader] = {"LightGCN": _lightgcn, "NGCF": _ngcf}
