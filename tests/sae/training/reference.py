"""The loss of a training step once more, straight from its definition, for autograd to differentiate."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from recaudit.sae.training.codes import Gradients
from recaudit.sae.training.objective import Batch, Objective
from recaudit.sae.training.parameters import Parameters
from recaudit.sae.training.settings import Settings

BANDWIDTH = 0.05
NAMES = ("encoder", "decoder", "encoder_bias", "pre_bias", "log_threshold")


class JumpReLU(torch.autograd.Function):
    """Rajamanoharan et al. 2024, equation 10: d/dθ = -(θ/ε) K((z - θ)/ε), K the rectangle on (-1/2, 1/2)."""

    @staticmethod
    def forward(ctx, z, theta):
        ctx.save_for_backward(z, theta)
        return z * (z > theta)

    @staticmethod
    def backward(ctx, upstream):
        z, theta = ctx.saved_tensors
        kernel = (((z - theta) / BANDWIDTH).abs() < 0.5).to(z.dtype)
        return upstream * (z > theta), (-(theta / BANDWIDTH) * kernel * upstream).sum(0)


class Step(torch.autograd.Function):
    """The same paper, equation 11: d/dθ H(z - θ) = -(1/ε) K((z - θ)/ε)."""

    @staticmethod
    def forward(ctx, z, theta):
        ctx.save_for_backward(z, theta)
        return (z > theta).to(z.dtype)

    @staticmethod
    def backward(ctx, upstream):
        z, theta = ctx.saved_tensors
        kernel = (((z - theta) / BANDWIDTH).abs() < 0.5).to(z.dtype)
        return None, (-(1 / BANDWIDTH) * kernel * upstream).sum(0)


def keep_largest(values: Tensor, count: int) -> Tensor:
    """ReLU of the ``count`` largest of each row, zero elsewhere."""
    mask = torch.zeros_like(values).scatter(1, values.topk(count, dim=1).indices, 1.0)
    return values.relu() * mask


@dataclass
class Case:
    """Weights and rows in float64, and what the loss is made with."""

    settings: Settings
    x: Tensor
    gain: Tensor
    variance: float
    silent: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))

    def __post_init__(self) -> None:
        self.parameters = Parameters(
            self.settings, self.x.float().mean(dim=0), torch.eye(self.x.shape[1]), 1.0
        )
        rng = torch.Generator().manual_seed(5)
        draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)  # noqa: E731
        latents, dim = self.parameters.encoder.shape
        parameters = self.parameters
        parameters.encoder = draw(latents, dim) / dim**0.5
        parameters.decoder = parameters.encoder if self.settings.tied else draw(latents, dim) / dim**0.5
        parameters.encoder_bias = draw(latents) / 5 if self.settings.encoder_bias else draw(latents) * 0
        parameters.pre_bias = draw(dim) / 5 if self.settings.pre_bias else draw(dim) * 0
        parameters.log_threshold = draw(latents) / 4 - 2
        parameters.running_threshold = torch.zeros((), dtype=torch.float64)
        self.objective = Objective(self.settings, self.variance, dim, None)

    def backward(self) -> Gradients:
        """What recaudit computes."""
        batch = Batch("case", torch.arange(len(self.x)), self.x, self.gain)
        with torch.no_grad():
            found = [self.objective.forward(batch, self.parameters)]
            return self.objective.backward(found, self.parameters, self.silent)

    def autograd(self) -> Gradients:
        """What torch computes from ``loss``."""
        leaves = {name: getattr(self.parameters, name).clone().requires_grad_() for name in NAMES}
        value = self.loss(**leaves)
        found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
        pairs = zip(leaves.values(), found, strict=True)
        return Gradients(*(torch.zeros_like(leaf) if g is None else g for leaf, g in pairs))

    def loss(
        self, encoder: Tensor, decoder: Tensor, encoder_bias: Tensor, pre_bias: Tensor, log_threshold: Tensor
    ) -> Tensor:
        settings, weights = self.settings, self.settings.loss
        dim = self.x.shape[1]
        pre = (self.x - pre_bias) @ encoder.T + encoder_bias
        codes = self._codes(pre, log_threshold.exp())
        divisor = self.variance if settings.unit == "variance" else dim
        total = torch.zeros((), dtype=torch.float64)
        for stop in settings.prefixes or (len(encoder),):
            again = codes[:, :stop] @ decoder[:stop] + pre_bias
            total = total + weights.reconstruction * self._own(again - self.x).mean() / divisor
        total = total + weights.l1 * codes.mean()  # codes are never negative
        if weights.kl:
            mean, rho = codes.mean(0).clamp(1e-6, 1 - 1e-6), weights.rho
            divergence = rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))
            total = total + weights.kl * divergence.sum()
        if weights.auxiliary and len(self.silent):
            total = total + weights.auxiliary * self._auxiliary(pre, codes, decoder, pre_bias, divisor)
        if settings.kind == "jumprelu":
            l0 = Step.apply(pre, log_threshold.exp()).sum(1).mean()
            total = total + weights.sparsity * (l0 / settings.k - 1) ** 2
        return total

    def _own(self, error: Tensor) -> Tensor:
        """Squared error of each row in the model's own units."""
        return (error * self.gain[: len(error)]).square().sum(1)

    def _codes(self, pre: Tensor, threshold: Tensor) -> Tensor:
        kind, k = self.settings.kind, self.settings.k
        if kind == "relu":
            return pre.relu()
        if kind == "jumprelu":
            return JumpReLU.apply(pre, threshold)
        if kind == "topk":
            return keep_largest(pre, k)
        cut = pre.flatten().topk(k * len(pre)).values.min()
        return pre * ((pre >= cut) & (pre > 0))

    def _auxiliary(
        self, pre: Tensor, codes: Tensor, decoder: Tensor, pre_bias: Tensor, divisor: float
    ) -> Tensor:
        rows, dim = min(len(self.x), max(64, len(self.x) // 4)), self.x.shape[1]
        left = (self.x - (codes @ decoder + pre_bias)).detach()[:rows]
        count = min(round(self.settings.auxiliary_latents * dim), len(self.silent))
        again = keep_largest(pre[:rows, self.silent], count) @ decoder[self.silent]
        unit = self._own(left).sum() if self.settings.auxiliary_unit == "residual" else divisor * rows
        return self._own(again - left).sum() / unit
