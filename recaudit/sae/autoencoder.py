"""A sparse autoencoder with every convention explicit, encoding in batches to sparse codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recaudit.checkpoints.spec import SaeSpec
from recaudit.errors import InputRefused

FloatArray = NDArray[np.float32]
_BATCH_CELLS = 1 << 23
"""Pre-activations held at once (32 MiB of float32): small enough for the cache, large enough for BLAS."""


@dataclass(frozen=True)
class Codes:
    """Sparse codes of a batch: row ``i`` owns ``latent[offsets[i]:offsets[i+1]]`` and its values.

    Only values above zero are kept; within a row latents ascend.
    """

    latent: NDArray[np.int32]
    value: FloatArray
    offsets: NDArray[np.int64]
    n_latents: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def row(self) -> NDArray[np.int64]:
        """Row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def matrix(self) -> csr_array:
        """As a scipy sparse array [rows, latents]."""
        return csr_array((self.value, self.latent, self.offsets), shape=(len(self), self.n_latents))

    @classmethod
    def concatenate(cls, parts: list[Codes], n_latents: int) -> Codes:
        lengths = [np.diff(part.offsets) for part in parts]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        return cls(
            np.concatenate([part.latent for part in parts]),
            np.concatenate([part.value for part in parts]),
            offsets,
            n_latents,
        )


class SparseAutoencoder:
    """``z = activation(W (x - pre_bias) + encoder_bias)``; ``x^ = z V + pre_bias``.

    Source of the conventions: RecSAE's code (arXiv 2411.06112); see ``SaeSpec`` for each field.
    """

    def __init__(self, spec: SaeSpec) -> None:
        _check_shapes(spec)
        self.spec = spec
        self.n_latents, self.dim = spec.encoder.shape
        self._encoder = torch.from_numpy(_float(spec.encoder))
        self.decoder = _float(spec.decoder)
        self.pre_bias = np.zeros(self.dim, np.float32) if spec.pre_bias is None else _float(spec.pre_bias)
        # Folding the pre-bias into the encoder bias turns W (x - b) + e into one fused product.
        bias = np.zeros(self.n_latents) if spec.encoder_bias is None else spec.encoder_bias
        folded = bias.astype(np.float64) - spec.encoder.astype(np.float64) @ self.pre_bias
        self._folded_bias = torch.from_numpy(_float(folded))

    def encode(self, x: FloatArray) -> Codes:
        """Codes of [n, dim]."""
        return Codes.concatenate(list(self.encode_batches(x)) or [self._empty()], self.n_latents)

    def encode_batches(self, x: FloatArray) -> Iterator[Codes]:
        """Codes of consecutive batches; memory stays flat however many rows there are."""
        size = max(1, _BATCH_CELLS // self.n_latents)
        for start in range(0, len(x), size):
            yield self._encode(torch.from_numpy(_float(x[start : start + size])))

    def decode(self, codes: Codes) -> FloatArray:
        """Reconstruction [n, dim], the pre-bias added back."""
        return np.asarray(codes.matrix() @ self.decoder + self.pre_bias, dtype=np.float32)

    @torch.inference_mode()
    def _encode(self, x: Tensor) -> Codes:
        pre = torch.addmm(self._folded_bias, x, self._encoder.T)  # (n, latents)
        if self.spec.k is None:
            return self._positive(torch.arange(self.n_latents).expand_as(pre), pre)
        value, latent = torch.topk(pre, self.spec.k, dim=1, sorted=False)
        latent, order = latent.sort(dim=1)
        return self._positive(latent, value.gather(1, order))

    def _positive(self, latent: Tensor, value: Tensor) -> Codes:
        # ReLU and top-k commute on the kept set: a value at or below zero is no activation either way.
        kept = value > 0
        offsets = np.concatenate([[0], kept.sum(dim=1).numpy().cumsum()]).astype(np.int64)
        return Codes(latent[kept].to(torch.int32).numpy(), value[kept].numpy(), offsets, self.n_latents)

    def _empty(self) -> Codes:
        return Codes(np.empty(0, np.int32), np.empty(0, np.float32), np.zeros(1, np.int64), self.n_latents)


def _check_shapes(spec: SaeSpec) -> None:
    latents, dim = spec.encoder.shape
    if spec.decoder.shape != (latents, dim):
        raise InputRefused(
            f"the SAE's encoder has shape {list(spec.encoder.shape)} and its decoder {list(spec.decoder.shape)}",
            fix="both must be latents x width; check that they come from one autoencoder",
        )
    for name, bias, size in (
        ("encoder bias", spec.encoder_bias, latents),
        ("pre-bias", spec.pre_bias, dim),
    ):
        if bias is not None and bias.shape != (size,):
            raise InputRefused(
                f"the SAE's {name} has shape {list(bias.shape)}, its encoder asks for [{size}]",
                fix="check that the tensors come from one autoencoder",
            )
    if spec.k is not None and not 1 <= spec.k <= latents:
        raise InputRefused(
            f"k = {spec.k} ({spec.k_source}) but the SAE has {latents} latents",
            fix="give the k it was trained with: --k N",
        )


def _float(array: NDArray[np.floating]) -> FloatArray:
    return np.ascontiguousarray(array, dtype=np.float32)
