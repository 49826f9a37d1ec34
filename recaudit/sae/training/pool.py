"""The vectors that a training draws its batches from, plain or augmented, and their moments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recaudit.sae.training.objective import Batch
from recaudit.sae.training.settings import Settings

FloatArray = NDArray[np.float32]
FloatArray64 = NDArray[np.float64]

_STREAM = {"case": 0, "item": 1}
"""Kind to what keeps its noise apart from the other's."""
_CHUNK_CELLS = 1 << 20
"""Numbers taken to double precision at once: 8 MiB."""


class Pool:
    """The training rows of one kind, as the dictionary sees them."""

    def __init__(
        self, kind: str, rows: FloatArray, gain: FloatArray, scale: float, device: torch.device
    ) -> None:
        self.kind = kind
        self.x = torch.from_numpy(rows / np.float32(scale)).to(device)
        self.gain = torch.from_numpy(gain * np.float32(scale)).to(device)

    @cached_property
    def spread(self) -> tuple[Tensor, Tensor]:
        """Mean [dim], and [dim, dim]: standard normal rows times it have the covariance of ``x``."""
        mean, covariance = moments([self.x.cpu().numpy()])
        values, axes = np.linalg.eigh(covariance)
        root = (axes * np.sqrt(values.clip(min=0))).T
        return self._placed(mean), self._placed(root)

    def _placed(self, array: FloatArray64) -> Tensor:
        return torch.from_numpy(array.astype(np.float32)).to(self.x.device)

    def batches(self, settings: Settings, step: int) -> Iterator[Batch]:
        """Batches from a step on, each epoch in an order of its own; an incomplete last one is left out."""
        n = len(self.x)
        size = min(settings.batch, n)
        per_epoch = n // size
        epoch, place = divmod(step, per_epoch)
        while True:
            order = np.random.default_rng([settings.seed, epoch]).permutation(n)
            for start in range(place * size, per_epoch * size, size):
                rows = torch.from_numpy(order[start : start + size]).to(self.x.device)
                x = self._augmented(self.x.index_select(0, rows), settings, step)
                yield Batch(self.kind, rows, x, self.gain.index_select(0, rows))
                step += 1
            epoch, place = epoch + 1, 0

    def _augmented(self, x: Tensor, settings: Settings, step: int) -> Tensor:
        # A prediction term adds the error made on such a row to the row's own vector, whose lists it knows.
        share = settings.augment
        if not share:
            return x
        rng = np.random.default_rng([settings.seed, step, _STREAM[self.kind]])
        mean, root = self.spread
        drawn = torch.from_numpy(rng.standard_normal(x.shape, np.float32)).to(x.device) @ root
        return mean + math.sqrt(1 - share**2) * (x - mean) + share * drawn


def moments(parts: Sequence[FloatArray]) -> tuple[FloatArray64, FloatArray64]:
    """Mean [dim] and covariance [dim, dim] of all rows, in bounded memory beside the rows."""
    count = sum(len(part) for part in parts)
    mean = sum(chunk.sum(axis=0) for chunk in _chunks(parts)) / count
    around = (chunk - mean for chunk in _chunks(parts))
    return mean, sum(chunk.T @ chunk for chunk in around) / count


def _chunks(parts: Sequence[FloatArray]) -> Iterator[FloatArray64]:
    for part in parts:
        size = max(1, _CHUNK_CELLS // part.shape[1])
        for start in range(0, len(part), size):
            yield part[start : start + size].astype(np.float64)
