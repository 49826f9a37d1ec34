"""LibRecommender's NCF from TensorFlow variables, brought to the form of the family ``ncf``.

``out([u * i ; mlp([u ; i])])`` with shared tables. Before each linear layer of the MLP may stand a batch
normalisation, an affine map once trained, and the last linear layer has no activation: both are folded into
the layer after them. Source: the code of LibRecommender 1.5.2 (``libreco/layers/dense.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.tools.names import Tensors
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_TABLES = {"user": "embedding/user_embeds_var:0", "item": "embedding/item_embeds_var:0"}
_LAYER = re.compile(r"(?:.*/)?mlp_layer(\d{1,3})/(kernel|bias):0")
_OUT = re.compile(r"(?:.*/)?dense(?:_\d{1,3})?()/(kernel|bias):0")
_NORM = re.compile(r"(?:.*/)?batch_normalization(?:_(\d{1,3}))?/(gamma|beta|moving_mean|moving_variance):0")
_NORM_EPSILON = 1e-3  # TensorFlow's default

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class _Affine:
    """``weight @ x + bias``: [out, in] and [out]."""

    weight: Float64
    bias: Float64

    def after(self, inner: _Affine) -> _Affine:
        """Both maps as one."""
        return _Affine(self.weight @ inner.weight, self.weight @ inner.bias + self.bias)


def is_ncf(tensors: Tensors) -> bool:
    """Every variable is one of NCF's: other models share some of its names."""
    known = [
        key in _TABLES.values() or any(p.fullmatch(key) for p in (_LAYER, _OUT, _NORM))
        for key in tensors
        if not is_training(key)
    ]
    return set(_TABLES.values()) <= tensors.keys() and all(known) and any(map(_LAYER.fullmatch, tensors))


def is_training(key: str) -> bool:
    """Adam's slots and step counts."""
    return "/Adam" in key or "_power:" in key


def ncf(tensors: Tensors, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Tensors of the family ``ncf``."""
    try:
        linear, norms = _grouped(tensors, _LAYER), _grouped(tensors, _NORM)
        layers = [_dense(parts) for parts in linear]
        out = _dense(_grouped(tensors, _OUT)[0])
        if norms and len(norms) != len(layers):
            raise ValueError(f"{len(norms)} batch normalisations for {len(layers)} layers")
        if norms:
            layers = [layer.after(_normalisation(norm)) for layer, norm in zip(layers, norms, strict=True)]
        product = tensors[_TABLES["user"]].shape[1]
        last = layers.pop()
        if not layers:
            raise ValueError("its MLP has a single layer")
        folded = _Affine(out.weight[:, product:], out.bias).after(last)
    except (IndexError, KeyError, ValueError) as error:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: its NCF cannot be put together ({printable(error, 120)})",
            fix="save the model again; its variables do not belong together",
        ) from error
    named = {f"{side}_{part}": tensors[key] for side, key in _TABLES.items() for part in ("mf", "mlp")}
    for index, layer in enumerate(layers):
        named |= {f"layers.{index}.weight": layer.weight, f"layers.{index}.bias": layer.bias}
    out_weight = np.concatenate([out.weight[:, :product], folded.weight], axis=1)
    return {**named, "out.weight": out_weight, "out.bias": folded.bias}


def _grouped(tensors: Tensors, pattern: re.Pattern[str]) -> list[dict[str, Float64]]:
    """Variables of each layer by their short names, in the order of the layers' numbers."""
    found: dict[int, dict[str, Float64]] = {}
    for key, tensor in tensors.items():
        match = pattern.fullmatch(key)
        if match:
            found.setdefault(int(match[1] or 0), {})[match[2]] = tensor.astype(np.float64)
    return [found[number] for number in sorted(found)]


def _dense(parts: Mapping[str, Float64]) -> _Affine:
    return _Affine(parts["kernel"].T, parts["bias"])


def _normalisation(parts: Mapping[str, Float64]) -> _Affine:
    scale = parts["gamma"] / np.sqrt(parts["moving_variance"] + _NORM_EPSILON)
    return _Affine(np.diag(scale), parts["beta"] - parts["moving_mean"] * scale)
