"""A dictionary in training: its tensors, where they start, and the ``SaeSpec`` that they are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recaudit import __version__
from recaudit.checkpoints.spec import SaeSpec
from recaudit.sae.training.settings import Settings

FloatArray = NDArray[np.float32]

ACTIVATIONS = {"topk": "relu_topk", "batchtopk": "batch_topk", "relu": "relu", "jumprelu": "jumprelu"}
"""Kind of training to the activation that runs the result."""
_FIRST_THRESHOLD = 0.01
_EVENED = 0.1
"""How far the covariance is shrunk towards that of even directions: axes that hold next to nothing are noise."""


class Parameters:
    """Tensors that training moves; names and shapes as in ``SaeSpec``, in units of ``scale``.

    ``scale`` is what vectors are divided by before they come here.
    """

    def __init__(self, settings: Settings, mean: Tensor, covariance: Tensor, scale: float) -> None:
        """Args:
        mean: [dim] of the rows, already divided by ``scale``; where a pre-bias starts.
        covariance: [dim, dim] of the same; used where directions start ``whitened``.
        """
        self.settings, self.scale = settings, scale
        rng = torch.Generator().manual_seed(settings.seed)
        dim, device = len(mean), mean.device
        latents = settings.width(dim)
        # Random directions end better than rows of the data: those begin as near-duplicates of each other.
        self.decoder = torch.randn(latents, dim, generator=rng).to(device)
        self.normalise()
        self.encoder = self.decoder if settings.tied else self.decoder.clone()
        if settings.start == "whitened":
            self._whiten(covariance)
        self.encoder_bias = torch.zeros(latents, device=device)
        self.pre_bias = mean.clone() if settings.pre_bias else torch.zeros(dim, device=device)
        self.log_threshold = torch.full((latents,), float(np.log(_FIRST_THRESHOLD)), device=device)
        self.running_threshold = torch.zeros((), device=device)
        """Of ``batchtopk``: a moving average of the smallest pre-activation that a batch kept."""

    def _whiten(self, covariance: Tensor) -> None:
        """Make the drawn directions even in whitened space; each latent reads its own direction at its length.

        Where few axes hold most of the variance, directions even in the space itself differ in what they see of
        those axes alone: a few latents are always among the k largest, and the others are dead from the start.
        """
        dim = len(covariance)
        even = torch.eye(dim, dtype=covariance.dtype, device=covariance.device) * covariance.trace() / dim
        values, axes = torch.linalg.eigh((1 - _EVENED) * covariance + _EVENED * even)
        drawn = self.decoder.to(covariance.dtype)
        self.decoder = (drawn @ (axes * values.sqrt()) @ axes.T).to(self.decoder.dtype)
        self.normalise()
        reading = (drawn @ (axes / values.sqrt()) @ axes.T).to(self.decoder.dtype)
        self.encoder = reading / (reading * self.decoder).sum(dim=1, keepdim=True)

    @property
    def threshold(self) -> Tensor:
        """[latents] what a pre-activation must exceed (``jumprelu``)."""
        return self.log_threshold.exp()

    def trained(self) -> dict[str, Tensor]:
        """Name to tensor of what gradients move."""
        settings = self.settings
        named = {"encoder": self.encoder}
        if not settings.tied:
            named["decoder"] = self.decoder
        if settings.encoder_bias:
            named["encoder_bias"] = self.encoder_bias
        if settings.pre_bias:
            named["pre_bias"] = self.pre_bias
        if settings.kind == "jumprelu":
            named["log_threshold"] = self.log_threshold
        return named

    def state(self) -> dict[str, Tensor]:
        """Everything that a later step depends on."""
        return {**self.trained(), "running_threshold": self.running_threshold}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take back what ``state`` gave."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def normalise(self) -> None:
        """Bring the decoder's rows to unit length."""
        self.decoder /= self.decoder.norm(dim=1, keepdim=True).clamp_min(1e-8)

    def spec(self) -> SaeSpec:
        """The dictionary in the units of the data.

        With ``x = scale x'``, pre-activations and values grow by ``scale`` while directions stay.
        """
        settings, scale = self.settings, np.float32(self.scale)
        latents = len(self.encoder)
        threshold = None
        if settings.kind == "jumprelu":
            threshold = _array(self.threshold) * scale
        if settings.kind == "batchtopk":
            threshold = np.full(latents, float(self.running_threshold), np.float32) * scale
        return SaeSpec(
            tool=f"recaudit {__version__}",
            encoder=_array(self.encoder),
            decoder=_array(self.decoder),
            encoder_bias=_array(self.encoder_bias) * scale if settings.encoder_bias else None,
            pre_bias=_array(self.pre_bias) * scale if settings.pre_bias else None,
            activation=ACTIVATIONS[settings.kind],
            k=settings.k if settings.kind == "topk" else None,
            k_source="training" if settings.kind == "topk" else "",
            tied=settings.tied,
            norm_in=settings.norm_in,
            threshold=threshold,
            groups=settings.prefixes,
        )


def _array(tensor: Tensor) -> FloatArray:
    return np.asarray(tensor.detach().cpu().numpy(), np.float32).copy()
