"""Adam (Kingma and Ba 2015) in place. ``torch.optim`` would do, but its first step imports torch's compiler: seconds."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_MEMORY = 0.9
_EPSILON = 1e-8


class Adam:
    """Moments of named tensors, as ``torch.optim.Adam`` keeps them.

    Args:
        weight_decay: name to what of a tensor is added to its gradient.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], *, beta2: float, weight_decay: Mapping[str, float]
    ) -> None:
        self.tensors, self.beta2, self.weight_decay = tensors, beta2, weight_decay
        self.steps = 0
        self.first = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        self.second = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}

    def step(self, gradients: Mapping[str, Tensor], rate: float) -> None:
        """Move every tensor against its gradient."""
        self.steps += 1
        size = rate / (1 - _MEMORY**self.steps)
        correction = (1 - self.beta2**self.steps) ** 0.5
        for name, tensor in self.tensors.items():
            gradient = gradients[name]
            decay = self.weight_decay.get(name, 0.0)
            if decay:
                gradient = gradient + decay * tensor
            first, second = self.first[name], self.second[name]
            first.lerp_(gradient, 1 - _MEMORY)
            second.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
            tensor.addcdiv_(first, (second.sqrt() / correction).add_(_EPSILON), value=-size)
