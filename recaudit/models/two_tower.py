"""Two towers: an embedding and an MLP per side, score by cosine (Yi et al. 2019)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import FloatArray
from recaudit.models.dot import DotProduct
from recaudit.models.shapes import agree, matrix, stack

_LEAST_NORM = 1e-12  # torch.nn.functional.normalize


class TwoTower(DotProduct):
    """The inner product of both towers' L2-normalised outputs; both are computed once.

    Tensors per side: ``{side}.embedding`` [rows, e] and layers ``{side}.{l}.{weight,bias}``, ReLU between.
    """

    site = "output of the user tower"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(replace(spec, tensors={side: _tower(spec, side) for side in ("user", "item")}))


def _tower(spec: ModelSpec, side: str) -> FloatArray:
    x = matrix(spec, f"{side}.embedding")
    layers = stack(spec, side)
    for index, layer in enumerate(layers):
        agree(f"what enters {layer.name} is wide", x.shape[1], "it takes", layer.weight.shape[1])
        x = layer(x if index == 0 else np.maximum(x, 0))
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), _LEAST_NORM)
