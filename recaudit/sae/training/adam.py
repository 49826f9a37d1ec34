"""Adam (Kingma and Ba 2015) in place. ``torch.optim`` would do, but its first step imports torch's compiler: seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

_MEMORY = 0.9
_EPSILON = 1e-8


class Adam:
    """Moments of named tensors, as ``torch.optim.Adam`` keeps them; or, ``lazy``, row by row.

    Lazy Adam, known from TensorFlow, lets a row without a gradient stand still, its moments included. The second
    moment of a latent that fires once in some hundred steps has faded when it fires again, and plain Adam's first moment
    then moves it for ten more steps at the full rate: one of the ways in which latents die.

    Args:
        tensors: [rows] or [rows, columns] each.
        weight_decay: name to what of a tensor is added to its gradient.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], *, beta2: float, lazy: bool, weight_decay: Mapping[str, float]
    ) -> None:
        self.tensors, self.beta2, self.lazy, self.weight_decay = tensors, beta2, lazy, weight_decay
        self.first = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        self.second = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        self.steps = {name: _rows_of(tensor).new_zeros(len(tensor), 1) for name, tensor in tensors.items()}
        """Steps that each row has taken: [rows, 1]."""

    def step(self, gradients: Mapping[str, Tensor], rate: float) -> None:
        """Move every tensor against its gradient."""
        for name, tensor in self.tensors.items():
            gradient = gradients[name]
            decay = self.weight_decay.get(name, 0.0)
            if decay:
                gradient = gradient + decay * tensor
            self._move(name, _rows_of(gradient), rate)

    def _move(self, name: str, gradient: Tensor, rate: float) -> None:
        tensor, first, second = (_rows_of(held[name]) for held in (self.tensors, self.first, self.second))
        steps = self.steps[name]
        moves = _has_gradient(gradient).to(steps.dtype) if self.lazy else torch.ones_like(steps)
        steps += moves
        first.lerp_(gradient, moves * (1 - _MEMORY))
        second.lerp_(gradient.square(), moves * (1 - self.beta2))
        correction = _bias(self.beta2, steps).sqrt()
        size = moves * correction * (rate / _bias(_MEMORY, steps))
        tensor.addcdiv_(first * size, second.sqrt().add_(correction * _EPSILON), value=-1)


def _rows_of(tensor: Tensor) -> Tensor:
    """[rows, columns], in the tensor's own memory."""
    return tensor.view(len(tensor), -1)


def _has_gradient(gradient: Tensor) -> Tensor:
    """[rows, 1]; five times as fast as ``any``, and true of what is no number, too."""
    return gradient.abs().amax(dim=1, keepdim=True) != 0


def _bias(memory: float, steps: Tensor) -> Tensor:
    """1 - memory^steps, what moments that start at zero fall short by; 1 where nothing has moved yet."""
    return -torch.expm1(steps.clamp_min(1) * math.log(memory))
