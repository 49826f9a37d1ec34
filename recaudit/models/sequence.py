"""What models of a user's history in order share: histories of like length run together."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.shapes import linear, matrix

_BATCH = 512


class SequenceModel(Recommender):
    """Settings: ``history_length``, the items of history it reads.

    Subclasses set ``head``, ``dim`` and ``site``, and give ``vectors``.
    """

    reads = "sequence"
    history_length: int

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        matrix(spec, "item")
        self.weights = {
            name: torch.from_numpy(np.ascontiguousarray(tensor, dtype=np.float32))
            for name, tensor in spec.tensors.items()
        }
        self.history_length = int(spec.settings["history_length"])

    def linear(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight [out, in] and bias [out] of a layer, known to fit."""
        found = linear(self._spec, name)
        return torch.from_numpy(found.weight), torch.from_numpy(found.bias)

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The weights below a prefix, without it."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.weights.items()
            if name.startswith(prefix)
        }

    def represent(self, cases: Cases) -> FloatArray:
        """[n, dim]; every case needs at least one item of history."""
        rows, lengths = cases.padded(self.history_length)
        order = np.argsort(lengths, kind="stable")
        result = np.empty((len(cases), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(cases), _BATCH):
                batch = order[start : start + _BATCH]
                inputs = rows[batch, : int(lengths[batch].max())]
                result[batch] = self.vectors(
                    torch.from_numpy(inputs), torch.from_numpy(lengths[batch])
                ).numpy()
        return result

    @abstractmethod
    def vectors(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """One vector per history: [n, dim].

        Args:
            rows: item rows [n, T], left-aligned, 0 past the end.
            lengths: [n], from 1 to T.
        """


def inside(width: int, lengths: Tensor) -> Tensor:
    """Which places hold an item: [n, width]."""
    return torch.arange(width) < lengths[:, None]
