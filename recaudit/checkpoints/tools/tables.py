"""Plain embedding tables: two matrices named for users and items, any container.

Accepted names: ``user``/``item`` with ``_embeddings``, ``_embedding``, ``_factors``, ``_embed`` or nothing
after it, and ``user_biases``/``item_biases`` vectors beside them. Row numbers are all they hold: raw ids
come from an id map.
"""

from __future__ import annotations

import re

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.types import Checkpoint

_TABLE = re.compile(r"(?i)(user|item)s?_?(embeddings?|embed|emb|factors?)?(\.weight)?")
_BIAS = re.compile(r"(?i)(user|item)s?_?bias(es)?(\.weight)?")


def recognises_model(checkpoint: Checkpoint) -> bool:
    return _found(arrays_of(checkpoint.tree)).keys() >= {"user", "item"}


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    tensors = arrays_of(checkpoint.tree)
    found = _found(tensors)
    return ModelSpec(
        family="dot",
        tool="tables",
        architecture="dot product",
        tensors={ours: tensors[key] for ours, key in found.items()},
        unused=tuple(key for key in tensors if key not in found.values()),
    )


def _found(tensors: Tensors) -> dict[str, str]:
    found = {}
    for key, tensor in tensors.items():
        if not np.issubdtype(tensor.dtype, np.floating):
            continue
        table, bias = _TABLE.fullmatch(key), _BIAS.fullmatch(key)
        if table and tensor.ndim == 2:
            found[table[1].lower()] = key
        elif bias:
            found[f"{bias[1].lower()}_bias"] = key
    return found
