"""Does the stated reading of an SAE fit its behaviour? Run it and the plausible other readings.

The same weights mean different things under different conventions, and nothing in a file says that a
convention was misread except the reconstruction. So the stated reading is compared, on real vectors, with
others that a wrong flag or a careless export would have produced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.spec import SaeSpec
from recaudit.metrics.reconstruction import explained_variance
from recaudit.sae.autoencoder import SparseAutoencoder

SAMPLE = 4096


@dataclass(frozen=True)
class Reading:
    """Explained variance and mean active latents of one way to read the file."""

    name: str
    explained_variance: float
    l0: float


@dataclass(frozen=True)
class SelfCheck:
    """What running the SAE on real vectors showed.

    ``decoder_norms`` are minimum, median and maximum row norm; ``dead_share`` is over the rows checked.
    """

    rows: int
    stated: Reading
    others: tuple[Reading, ...]
    dead_share: float
    decoder_norms: tuple[float, float, float]

    @property
    def best_other(self) -> Reading:
        """The other reading that reconstructs best."""
        return max(self.others, key=lambda reading: reading.explained_variance)


def check_reading(spec: SaeSpec, vectors: NDArray[np.float32], *, seed: int = 0) -> SelfCheck:
    """Run ``spec`` and its alternatives on at most ``SAMPLE`` of the vectors [n, dim]."""
    if len(vectors) > SAMPLE:
        rows = np.random.default_rng(seed).choice(len(vectors), SAMPLE, replace=False)
        vectors = vectors[np.sort(rows)]
    stated = SparseAutoencoder(spec)
    codes = stated.encode(vectors)
    norms = np.linalg.norm(stated.decoder, axis=1)
    return SelfCheck(
        rows=len(vectors),
        stated=_measured("as stated", spec, vectors),
        others=tuple(_measured(name, other, vectors) for name, other in _alternatives(spec)),
        dead_share=1 - len(np.unique(codes.latent)) / stated.n_latents,
        decoder_norms=(float(norms.min()), float(np.median(norms)), float(norms.max())),
    )


def _measured(name: str, spec: SaeSpec, vectors: NDArray[np.float32]) -> Reading:
    sae = SparseAutoencoder(spec)
    codes = sae.encode(vectors)
    reached = explained_variance(vectors, sae.decode(codes))
    return Reading(name, reached, len(codes.value) / max(len(vectors), 1))


def _alternatives(spec: SaeSpec) -> Iterator[tuple[str, SaeSpec]]:
    if spec.pre_bias is not None:
        yield "input not centred by the pre-bias", _uncentred(spec)
        yield "no pre-bias at all", replace(spec, pre_bias=None)
    if spec.encoder_bias is not None:
        yield "no encoder bias", replace(spec, encoder_bias=None)
    norms = np.linalg.norm(spec.decoder, axis=1, keepdims=True)
    if not np.allclose(norms, 1, atol=1e-3) and norms.all():
        yield "decoder rows scaled to unit length", replace(spec, decoder=spec.decoder / norms)
    latents, dim = spec.encoder.shape
    if latents == dim:
        yield "encoder transposed", replace(spec, encoder=spec.encoder.T)
        yield "decoder transposed", replace(spec, decoder=spec.decoder.T)
    if spec.k is not None:
        for k in (spec.k // 2, spec.k * 2):
            if 1 <= k <= latents:
                yield f"k = {k}", replace(spec, k=k)


def _uncentred(spec: SaeSpec) -> SaeSpec:
    """``W x + e`` instead of ``W (x - b) + e``: undo the centring inside the encoder bias."""
    assert spec.pre_bias is not None
    shift = spec.encoder @ spec.pre_bias
    bias = shift if spec.encoder_bias is None else spec.encoder_bias + shift
    return replace(spec, encoder_bias=bias)
