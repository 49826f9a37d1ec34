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
from recaudit.checkpoints.tools.sae_parts import rescaled_by_decoder_norm
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
    as_stated = _measured("as stated", spec, vectors)
    alternatives = _alternatives(spec, as_stated.l0)
    return SelfCheck(
        rows=len(vectors),
        stated=as_stated,
        others=tuple(_measured(name, other, vectors) for name, other in alternatives),
        dead_share=1 - len(np.unique(codes.latent)) / stated.n_latents,
        decoder_norms=(float(norms.min()), float(np.median(norms)), float(norms.max())),
    )


def _measured(name: str, spec: SaeSpec, vectors: NDArray[np.float32]) -> Reading:
    sae = SparseAutoencoder(spec)
    codes = sae.encode(vectors)
    reached = explained_variance(vectors, sae.decode(codes, vectors))
    return Reading(name, reached, len(codes.value) / max(len(vectors), 1))


def _alternatives(spec: SaeSpec, l0: float) -> Iterator[tuple[str, SaeSpec]]:
    yield from _other_biases(spec)
    yield from _other_inputs(spec)
    yield from _other_decoders(spec)
    yield from _other_activations(spec, l0)


def _other_biases(spec: SaeSpec) -> Iterator[tuple[str, SaeSpec]]:
    if spec.pre_bias is not None:
        said = "not centred" if spec.centred else "centred"
        yield f"input {said} by the pre-bias", replace(spec, centred=not spec.centred)
        yield "no pre-bias at all", replace(spec, pre_bias=None)
    if spec.encoder_bias is not None:
        yield "no encoder bias", replace(spec, encoder_bias=np.zeros_like(spec.encoder_bias))


def _other_inputs(spec: SaeSpec) -> Iterator[tuple[str, SaeSpec]]:
    if spec.norm_in == "none":
        yield "input layer-normalised", replace(spec, norm_in="layer_norm")
    else:
        yield "input not normalised", replace(spec, norm_in="none")


def _other_decoders(spec: SaeSpec) -> Iterator[tuple[str, SaeSpec]]:
    norms = np.linalg.norm(spec.decoder, axis=1)
    if spec.latent_scale is not None:
        yield "latents not rescaled by decoder norm", _as_in_the_file(spec, spec.latent_scale)
    elif np.isfinite(norms).all() and norms.all() and not np.allclose(norms, 1, atol=1e-3):
        yield "decoder rows scaled to unit length", replace(spec, decoder=spec.decoder / norms[:, None])
        if spec.k is not None:  # without a choice among latents the codes would only change their units
            yield "latents rescaled by decoder norm", rescaled_by_decoder_norm(spec)
    if spec.encoder.shape[0] == spec.encoder.shape[1]:
        yield "encoder transposed", replace(spec, encoder=spec.encoder.T)
        yield "decoder transposed", replace(spec, decoder=spec.decoder.T)


def _other_activations(spec: SaeSpec, l0: float) -> Iterator[tuple[str, SaeSpec]]:
    if spec.threshold is not None:
        # Without its threshold any SAE is denser and reconstructs better; only at equal sparsity it is a rival.
        k = min(max(round(l0), 1), len(spec.encoder))
        yield f"threshold ignored, the {k} largest kept", replace(spec, activation="topk", k=k)
    if spec.activation in ("topk", "relu_topk") and spec.k is not None:
        for k in (spec.k // 2, spec.k * 2):
            if 1 <= k <= len(spec.encoder):
                yield f"k = {k}", replace(spec, k=k)


def _as_in_the_file(spec: SaeSpec, scale: NDArray[np.float32]) -> SaeSpec:
    """Undo the rescaling that reading did. A latent of scale 0 stays as it is: its encoder row is lost."""
    safe = np.where(scale > 0, scale, 1)
    return replace(
        spec,
        encoder=spec.encoder / safe[:, None],
        encoder_bias=None if spec.encoder_bias is None else spec.encoder_bias / safe,
        decoder=spec.decoder * safe[:, None],
        latent_scale=None,
    )
