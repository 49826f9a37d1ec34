"""Tensors of a spec brought to float32 and held against each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.base import FloatArray

FIX = "save the model's whole state dict again"


@dataclass(frozen=True)
class Linear:
    """``x @ weight.T + bias``; ``name`` is for messages."""

    name: str
    weight: FloatArray
    """[out, in]"""
    bias: FloatArray
    """[out]"""

    def __call__(self, x: FloatArray) -> FloatArray:
        """[n, in] to [n, out]."""
        return x @ self.weight.T + self.bias


def table(spec: ModelSpec, name: str) -> FloatArray:
    """The tensor as float32, or a refusal where the spec has none."""
    if name not in spec.tensors:
        raise InputRefused(f"{spec.tool} {spec.architecture}: no tensor for `{name}`", fix=FIX)
    return np.ascontiguousarray(spec.tensors[name], dtype=np.float32)


def matrix(spec: ModelSpec, name: str) -> FloatArray:
    """The same for a tensor that must have two dimensions."""
    found = table(spec, name)
    if found.ndim != 2:
        raise InputRefused(
            f"{spec.tool} {spec.architecture}: `{name}` has shape {list(found.shape)}, a matrix was expected",
            fix=FIX,
        )
    return found


def linear(spec: ModelSpec, name: str) -> Linear:
    """``{name}.weight`` and ``{name}.bias``; without a bias, zeros."""
    weight = matrix(spec, f"{name}.weight")
    bias = spec.tensors.get(f"{name}.bias", np.zeros(len(weight))).astype(np.float32).reshape(-1)
    agree(f"{name}.weight has rows", len(weight), f"{name}.bias has values", len(bias))
    return Linear(name, weight, bias)


def stack(spec: ModelSpec, name: str) -> list[Linear]:
    """Layers ``{name}.0``, ``{name}.1``, …, each as wide as the one before it gives; maybe none.

    Raises:
        InputRefused: two neighbours do not fit, or one is missing.
    """
    layers: list[Linear] = []
    while f"{name}.{len(layers)}.weight" in spec.tensors:
        layers.append(linear(spec, f"{name}.{len(layers)}"))
    beyond = [key for key in spec.tensors if key.startswith(f"{name}.") and key.split(".")[1].isdecimal()]
    if len({key.split(".")[1] for key in beyond}) != len(layers):
        raise InputRefused(f"layer {len(layers)} of `{name}` has no weight", fix=FIX)
    for before, after in pairwise(layers):
        agree(f"{before.name} gives", len(before.weight), f"{after.name} takes", after.weight.shape[1])
    return layers


def agree(first: str, size: int, second: str, other: int) -> None:
    """Two sizes that must be one.

    Raises:
        InputRefused: they differ; names both.
    """
    if size != other:
        raise InputRefused(
            f"{first} {size:,}, {second} {other:,}: these tensors are not of one model", fix=FIX
        )
