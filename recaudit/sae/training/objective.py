"""The loss of a batch and its gradient, written out: a step touches only the latents that are selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from recaudit.sae.training.codes import Codes, DenseCodes, Gradients, Segments, encode, largest, selected
from recaudit.sae.training.parameters import Parameters
from recaudit.sae.training.prediction import Prediction
from recaudit.sae.training.settings import Settings

_AUXILIARY_SHARE, _FEWEST_AUXILIARY = 4, 64
"""Silent latents are revived on one row of a batch in four: enough for a direction. Small batches give what they have."""
_MEAN_BOUNDS = (1e-6, 1 - 1e-6)


@dataclass(frozen=True)
class Batch:
    """Rows of one kind of entity.

    Attributes:
        kind: ``case`` or ``item``.
        rows: [rows] their places in the training data.
        x: [rows, dim] normalised and rescaled: what the dictionary sees.
        gain: [rows, 1] from an error in ``x`` to one in the model's own vectors.
    """

    kind: str
    rows: Tensor
    x: Tensor
    gain: Tensor


@dataclass(frozen=True)
class Pass:
    """A batch after the forward half of a step.

    ``errors`` are x^ - x of each prefix of the dictionary, the whole last, in the units of ``batch.x``.
    """

    batch: Batch
    centred: Tensor
    pre: Tensor
    codes: Codes
    errors: list[Tensor]

    @property
    def own_error(self) -> Tensor:
        """[rows, dim] error of the whole dictionary in the model's own vectors."""
        return self.errors[-1] * self.batch.gain


class Objective:
    """All terms of the loss for one set of settings and data."""

    def __init__(self, settings: Settings, variance: float, dim: int, prediction: Prediction | None) -> None:
        """Args:
        variance: mean squared distance of a vector from the mean one, in the model's own units.
        """
        self.settings = settings
        self.divisor = variance if settings.unit == "variance" else float(dim)
        self.prediction = prediction
        width = settings.width(dim)
        edges = (0, *(settings.prefixes or (width,)))
        self.segments: Segments = tuple(pairwise(edges))

    def forward(self, batch: Batch, parameters: Parameters) -> Pass:
        """Encode and decode a batch."""
        centred = batch.x - parameters.pre_bias
        codes, pre = encode(centred, parameters)
        shares = codes.decode(parameters.decoder, self.segments)
        errors, so_far = [], -centred
        for share in shares:
            so_far = so_far + share
            errors.append(so_far)
        return Pass(batch, centred, pre, codes, errors)

    def backward(self, passes: Sequence[Pass], parameters: Parameters, silent: Tensor) -> Gradients:
        """Gradients of the whole loss.

        Args:
            silent: latents, by number, that have been silent for so long that they are to be revived.
        """
        into = Gradients.zeros(parameters)
        predicted = self._predicted(passes)
        for one, extra in zip(passes, predicted, strict=True):
            self._reconstruction(into, one, parameters, extra)
            if len(silent) and self.settings.loss.auxiliary:
                self._auxiliary(into, one, parameters, silent)
            if self.settings.kind == "jumprelu":
                self._sparsity(into, one.codes)
        return into

    def _predicted(self, passes: Sequence[Pass]) -> list[Tensor | None]:
        weight = self.settings.loss.prediction
        if self.prediction is None or not weight:
            return [None] * len(passes)
        found = self.prediction.gradients([(one.batch.kind, one.batch.rows, one.own_error) for one in passes])
        return [weight * gradient * one.batch.gain for gradient, one in zip(found, passes, strict=True)]

    def _reconstruction(
        self, into: Gradients, one: Pass, parameters: Parameters, extra: Tensor | None
    ) -> None:
        factor = 2 * self.settings.loss.reconstruction / (self.divisor * len(one.centred))
        of_prefix = [error * one.batch.gain.square() * factor for error in one.errors]
        if extra is not None:
            of_prefix[-1] = of_prefix[-1] + extra
        upstream = list(of_prefix)
        for place in range(len(upstream) - 2, -1, -1):  # a segment is part of its own and every wider prefix
            upstream[place] = upstream[place] + upstream[place + 1]
        into.pre_bias += upstream[0].sum(dim=0)
        penalty = self._penalty(one.codes, len(one.centred))
        one.codes.backward(into, one.centred, parameters, upstream, self.segments, penalty)

    def _penalty(self, codes: Codes, rows: int) -> Tensor | None:
        """[latents] gradient of L1 and KL in every active value."""
        loss = self.settings.loss
        if not loss.l1 and not loss.kl:
            return None
        mean = codes.mean()
        gradient = torch.full_like(mean, loss.l1 / (rows * len(mean)))
        if loss.kl:
            low, high = _MEAN_BOUNDS
            inside = (mean > low) & (mean < high)  # a clamped mean has no gradient
            r = mean.clamp(low, high)
            gradient += inside * ((1 - loss.rho) / (1 - r) - loss.rho / r) * (loss.kl / rows)
        return gradient

    def _auxiliary(self, into: Gradients, one: Pass, parameters: Parameters, silent: Tensor) -> None:
        """AuxK (Gao et al. 2024): what the dictionary leaves, reconstructed by its silent latents alone."""
        batch = len(one.centred)
        rows = max(batch // _AUXILIARY_SHARE, min(batch, _FEWEST_AUXILIARY))
        left = -one.errors[-1][:rows]  # a constant here: only silent latents learn from it
        dim = left.shape[1]
        count = min(max(1, round(self.settings.auxiliary_latents * dim)), len(silent))
        value, place = largest(one.pre[:rows, silent].contiguous(), count)
        codes = selected(value, silent[place], len(parameters.encoder))
        whole: Segments = ((0, len(parameters.encoder)),)
        error = codes.decode(parameters.decoder, whole)[0] - left
        gain = one.batch.gain[:rows]
        if self.settings.auxiliary_unit == "residual":
            norm = float((left * gain).square().sum())
        else:
            norm = self.divisor * rows
        if norm == 0.0:
            return
        upstream = error * gain.square() * (2 * self.settings.loss.auxiliary / norm)
        codes.backward(into, one.centred[:rows], parameters, [upstream], whole)

    def _sparsity(self, into: Gradients, codes: Codes) -> None:
        assert isinstance(codes, DenseCodes)
        k = self.settings.k
        codes.sparsity_backward(into, self.settings.loss.sparsity * 2 * (codes.l0 / k - 1) / k)
