"""The encoder as one product: pre-activations of a dictionary, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.spec import SaeSpec
from recaudit.sae.normalisation import row_scale

FloatArray = NDArray[np.float32]


def affine(spec: SaeSpec) -> tuple[FloatArray, FloatArray]:
    """Encoder [latents, dim] and the one bias [latents] that pre-activations need.

    Subtracting the pre-bias is folded into it: W (x - c) + e = W x + (e - W c), one fused product. A latent with a
    parameter that is not finite has bias -inf: it is silent.
    """
    silent = ~spec.finite
    encoder = np.where(silent[:, None], 0, spec.encoder) if silent.any() else spec.encoder
    bias = np.zeros(len(encoder)) if spec.encoder_bias is None else spec.encoder_bias.astype(np.float64)
    if spec.centred and spec.pre_bias is not None:
        bias = bias - encoder.astype(np.float64) @ spec.pre_bias.astype(np.float64)
    return _float(encoder), _float(np.where(silent, -np.inf, bias))


def pre_activations(spec: SaeSpec, x: FloatArray, latents: NDArray[np.integer]) -> FloatArray:
    """What some latents' activation function is given for [n, dim]: [n, latents chosen]."""
    encoder, bias = affine(spec)
    scale = row_scale(x, spec.norm_in)
    rows = x if scale is None else scale.normalise(x)
    return np.asarray(rows @ encoder[latents].T + bias[latents], dtype=np.float32)


def _float(array: NDArray[np.floating]) -> FloatArray:
    # torch wants memory it may write to; what was read from a file often is not, and only then is copied.
    return np.require(array, np.float32, ["C", "W"])
