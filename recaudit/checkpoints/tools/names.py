"""Renaming of tensor keys, shared by the tools' files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

Tensors = Mapping[str, np.ndarray]


def arrays_of(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a flat mapping (a state dict); empty for anything else."""
    if not isinstance(tree, Mapping):
        return {}
    return {key: value for key, value in tree.items() if isinstance(value, np.ndarray)}


def renamed_blocks(tensors: Tensors, prefix: str, parts: Mapping[str, str]) -> dict[str, np.ndarray]:
    """``{prefix}{l}.{theirs}.{weight|bias}`` as ``blocks.{l}.{ours}.{weight|bias}``."""
    renamed = {}
    for key, tensor in tensors.items():
        layer, _, rest = key.removeprefix(prefix).partition(".")
        theirs, _, kind = rest.rpartition(".")
        if key.startswith(prefix) and theirs in parts:
            renamed[f"blocks.{layer}.{parts[theirs]}.{kind}"] = tensor
    return renamed


def required(tensors: Tensors, key: str, checkpoint: Checkpoint) -> np.ndarray:
    """The tensor, or a refusal that names the file and the key."""
    if key not in tensors:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: tensor `{key}` is missing",
            fix="save the model's whole state dict",
        )
    return tensors[key]
