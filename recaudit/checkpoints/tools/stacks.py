"""Renaming of whole groups of tensors at once."""

from __future__ import annotations

import re

import numpy as np

from recaudit.checkpoints.tools.names import Tensors


def stacked(tensors: Tensors, prefix: str, name: str) -> dict[str, np.ndarray]:
    """``{prefix}{n}.{weight|bias}`` as ``{name}.{l}.{weight|bias}``, l = 0, 1, … in the order of n.

    Tools number layers with gaps: dropout and activations count too.
    """
    pattern = re.compile(re.escape(prefix) + r"(\d{1,4})\.(weight|bias)")
    found = {key: match for key in tensors if (match := pattern.fullmatch(key))}
    numbers = sorted({int(match[1]) for match in found.values()})
    return {f"{name}.{numbers.index(int(match[1]))}.{match[2]}": tensors[key] for key, match in found.items()}


def depth(layers: Tensors) -> int:
    """How many of the layers that ``stacked`` gave have a weight."""
    return sum(name.endswith(".weight") for name in layers)


def renamed(tensors: Tensors, prefix: str, ours: str) -> dict[str, np.ndarray]:
    """``{prefix}{rest}`` as ``{ours}{rest}``."""
    return {
        ours + key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
