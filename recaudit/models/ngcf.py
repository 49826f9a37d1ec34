"""NGCF: graph convolution with weights and interactions of neighbours (Wang et al. 2019)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import FloatArray
from recaudit.models.graph import GraphModel, step
from recaudit.models.shapes import agree, stack

_SLOPE = np.float32(0.2)
_SMALLEST_NORM = np.float32(1e-12)


class NGCF(GraphModel):
    """``E_{k+1} = norm(leaky(W_k (E_k + A E_k) + V_k (A E_k * E_k)))``; the result is all layers side by side.

    Rows are brought to length 1 in every layer but the first. Tensors besides the tables: per layer
    ``own.{k}.{weight,bias}`` (W) and ``pair.{k}.{weight,bias}`` (V). Settings: ``degree_guard``.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self._own, self._pair = stack(spec, "own"), stack(spec, "pair")
        agree("layers of one kind are", len(self._own), "of the other", len(self._pair))
        width = self.dim
        for own, pair in zip(self._own, self._pair, strict=True):
            agree("a layer receives", width, f"{own.name} takes", own.weight.shape[1])
            agree("a layer receives", width, f"{pair.name} takes", pair.weight.shape[1])
            width = len(own.weight)
            agree(f"{own.name} gives", width, f"{pair.name} gives", len(pair.weight))
            self.dim += width

    def propagate(self, adjacency: sparse.csr_array) -> tuple[FloatArray, FloatArray]:
        tables = (self.user, self.item)
        layers = [tables]
        for own, pair in zip(self._own, self._pair, strict=True):
            around = step(adjacency, *tables)
            user, item = (
                _unit(_leaky(own(x + near) + pair(x * near))) for x, near in zip(tables, around, strict=True)
            )
            tables = (user, item)
            layers.append(tables)
        users, items = zip(*layers, strict=True)
        return np.concatenate(users, axis=1), np.concatenate(items, axis=1)


def _leaky(x: FloatArray) -> FloatArray:
    return np.where(x > 0, x, _SLOPE * x)


def _unit(x: FloatArray) -> FloatArray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), _SMALLEST_NORM)
