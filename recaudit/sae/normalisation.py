"""Input normalisation inside an SAE: what is done to a row before encoding and undone after decoding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.spec import NORMS_IN

FloatArray = NDArray[np.float32]

LAYER_NORM_EPSILON = 1e-5
STANDARDISE_EPSILON = 1e-7


@dataclass(frozen=True)
class RowScale:
    """A row's normalised form is ``(x - shift) / divisor``; it is undone as ``x~ * gain + shift``. All [n, 1]."""

    shift: FloatArray
    divisor: FloatArray
    gain: FloatArray

    def normalise(self, x: FloatArray) -> FloatArray:
        return (x - self.shift) / self.divisor

    def undo(self, x: FloatArray) -> FloatArray:
        return x * self.gain + self.shift


def row_scale(x: FloatArray, norm_in: str) -> RowScale | None:
    """How each row of [n, dim] is normalised; None where it is not. Names: ``spec.NORMS_IN``."""
    assert norm_in in NORMS_IN
    if norm_in == "none":
        return None
    if norm_in == "constant_norm_rescale":
        length = np.linalg.norm(x, axis=1, keepdims=True) / np.sqrt(np.float32(x.shape[1]))
        length = np.where(length > 0, length, 1).astype(np.float32)  # a zero row stays a zero row
        return RowScale(np.zeros_like(length), length, length)
    mean, sd = x.mean(axis=1, keepdims=True), x.std(axis=1, ddof=1, keepdims=True)
    if norm_in == "layer_norm":
        return RowScale(mean, sd + np.float32(LAYER_NORM_EPSILON), sd)
    divisor = sd + np.float32(STANDARDISE_EPSILON)
    return RowScale(mean, divisor, divisor)
