"""A sparse autoencoder with every convention explicit, encoding in batches to sparse codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recaudit.checkpoints.spec import ACTIVATIONS, NORMS_IN, SaeSpec
from recaudit.errors import InputRefused
from recaudit.sae import decoding
from recaudit.sae.affine import affine
from recaudit.sae.codes import Codes
from recaudit.sae.normalisation import row_scale

__all__ = ["Codes", "SparseAutoencoder"]

FloatArray = NDArray[np.float32]
_BATCH_CELLS = 1 << 21
"""Pre-activations held at once (8 MiB of float32): the allocator keeps such a block, where a larger one is mapped
and faulted in afresh for every batch."""

Kept = tuple[Tensor, Tensor]
"""Latents and values [n, kept] of each row, latents ascending; values at or below zero are none."""


class SparseAutoencoder:
    """The autoencoder that ``SaeSpec`` describes, ready to run.

    A latent with a parameter that is not finite is silent: it would otherwise take a place among the k largest
    of every row.
    """

    def __init__(self, spec: SaeSpec) -> None:
        """Raises:
        InputRefused: tensors, k and conventions contradict each other; names both.
        """
        _check(spec)
        self.spec = spec
        self.n_latents, self.dim = spec.encoder.shape
        self.decoder = _float(np.where(spec.finite[:, None], spec.decoder, 0))
        self.pre_bias = np.zeros(self.dim, np.float32) if spec.pre_bias is None else _float(spec.pre_bias)
        encoder, bias = affine(spec)
        self._encoder, self._bias = torch.from_numpy(encoder), torch.from_numpy(bias)
        self._activate = activation(spec)

    @property
    def needs_input(self) -> bool:
        """Whether ``decode`` wants the vectors themselves."""
        return decoding.needs_input(self.spec)

    def encode(self, x: FloatArray) -> Codes:
        """Codes of [n, dim]."""
        return Codes.concatenate(list(self.encode_batches(x)) or [self._empty()], self.n_latents)

    def encode_batches(self, x: FloatArray) -> Iterator[Codes]:
        """Codes of consecutive batches; memory stays flat however many rows there are."""
        size = max(1, _BATCH_CELLS // self.n_latents)
        for start in range(0, len(x), size):
            yield self._encode(_float(x[start : start + size]))

    def decode(self, codes: Codes, x: FloatArray | None = None) -> FloatArray:
        """Reconstruction [n, dim]; ``x`` [n, dim] are the vectors encoded, needed where ``needs_input``."""
        return decoding.decode(self.spec, codes, x)

    def reconstruct(self, x: FloatArray) -> FloatArray:
        """``decode(encode(x))`` of [n, dim]."""
        return self.decode(self.encode(x), x)

    @torch.inference_mode()
    def _encode(self, x: FloatArray) -> Codes:
        scale = row_scale(x, self.spec.norm_in)
        rows = torch.from_numpy(x if scale is None else scale.normalise(x))
        pre = torch.addmm(self._bias, rows, self._encoder.T)  # (n, latents)
        latent, value = self._activate(pre)
        kept = value > 0
        offsets = np.concatenate([[0], kept.sum(dim=1).numpy().cumsum()]).astype(np.int64)
        return Codes(latent[kept].to(torch.int32).numpy(), value[kept].numpy(), offsets, self.n_latents)

    def _empty(self) -> Codes:
        return Codes(np.empty(0, np.int32), np.empty(0, np.float32), np.zeros(1, np.int64), self.n_latents)


# One function per activation: pre-activations [n, latents] to the latents kept and their values. ReLU is left to
# `SparseAutoencoder._encode`, which keeps only values above zero; it commutes with each of these.


def activation(spec: SaeSpec) -> Callable[[Tensor], Kept]:
    """What a dictionary keeps of pre-activations [n, latents]."""
    if spec.activation == "relu":
        return _all_latents
    if spec.k is not None:
        return partial(_largest_of_groups if spec.activation == "groupmax" else _largest, k=spec.k)
    if spec.activation == "gated":
        return partial(
            _gated, gate_bias=_tensor(spec.encoder_bias), log_scale=_tensor(spec.magnitude_log_scale),
            bias=_tensor(spec.magnitude_bias),
        )  # fmt: skip
    return partial(_above, threshold=_tensor(spec.threshold))


def _all_latents(pre: Tensor) -> Kept:
    return torch.arange(pre.shape[1]).expand_as(pre), pre


def _largest(pre: Tensor, k: int) -> Kept:
    value, latent = torch.topk(pre, k, dim=1, sorted=False)
    latent, order = latent.sort(dim=1)
    return latent, value.gather(1, order)


def _largest_of_groups(pre: Tensor, k: int) -> Kept:
    size = pre.shape[1] // k
    value, place = pre.reshape(pre.shape[0], k, size).max(dim=2)
    return place + torch.arange(k) * size, value


def _above(pre: Tensor, threshold: Tensor) -> Kept:
    return _all_latents(torch.where(pre > threshold, pre, 0.0))


def _gated(pre: Tensor, gate_bias: Tensor, log_scale: Tensor, bias: Tensor) -> Kept:
    magnitude = torch.exp(log_scale) * (pre - gate_bias) + bias
    return _all_latents(torch.where(pre > 0, magnitude, 0.0))


def _check(spec: SaeSpec) -> None:
    if spec.activation not in ACTIVATIONS or spec.norm_in not in NORMS_IN:
        raise InputRefused(
            f"the SAE's activation is {spec.activation} and its input normalisation {spec.norm_in}",
            fix=f"known are {', '.join(ACTIVATIONS)} and {', '.join(NORMS_IN)}",
        )
    latents, dim = spec.encoder.shape
    if spec.decoder.shape != (latents, dim):
        raise InputRefused(
            f"the SAE's encoder has shape {list(spec.encoder.shape)} and its decoder {list(spec.decoder.shape)}",
            fix="both must be latents x width; check that they come from one autoencoder",
        )
    for name, array, shape in (
        ("encoder bias", spec.encoder_bias, (latents,)),
        ("pre-bias", spec.pre_bias, (dim,)),
        ("threshold", spec.threshold, (latents,)),
        ("magnitude scale", spec.magnitude_log_scale, (latents,)),
        ("magnitude bias", spec.magnitude_bias, (latents,)),
        ("skip connection", spec.skip, (dim, dim)),
    ):
        if array is not None and array.shape != shape:
            raise InputRefused(
                f"the SAE's {name} has shape {list(array.shape)}, its encoder asks for {list(shape)}",
                fix="check that the tensors come from one autoencoder",
            )
    _check_activation(spec, latents)


def _check_activation(spec: SaeSpec, latents: int) -> None:
    needed = {
        "jumprelu": ("threshold",),
        "batch_topk": ("threshold",),
        "gated": ("encoder_bias", "magnitude_log_scale", "magnitude_bias"),
        "relu_topk": ("k",),
        "topk": ("k",),
        "groupmax": ("k",),
    }.get(spec.activation, ())
    missing = [name for name in needed if getattr(spec, name) is None]
    if missing:
        raise InputRefused(
            f"a {spec.activation} SAE needs {' and '.join(missing)}", fix="save the whole autoencoder"
        )
    if spec.k is not None and "k" not in needed:
        raise InputRefused(
            f"k = {spec.k} ({spec.k_source}) but a {spec.activation} SAE keeps no fixed number of latents",
            fix="check which activation it was trained with",
        )
    if spec.k is not None and not 1 <= spec.k <= latents:
        raise InputRefused(
            f"k = {spec.k} ({spec.k_source}) but the SAE has {latents} latents",
            fix="give the k it was trained with: --k N",
        )
    if spec.activation == "groupmax" and latents % (spec.k or 1):
        raise InputRefused(
            f"{latents} latents cannot be divided into k = {spec.k} ({spec.k_source}) equal groups",
            fix="give the k it was trained with: --k N",
        )


def _float(array: NDArray[np.floating]) -> FloatArray:
    # torch wants memory it may write to; what was read from a file often is not, and only then is copied.
    return np.require(array, np.float32, ["C", "W"])


def _tensor(array: NDArray[np.floating] | None) -> Tensor:
    assert array is not None, "checked by _check_activation"
    return torch.from_numpy(_float(array))
