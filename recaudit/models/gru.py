"""A gated recurrent unit read at the last real position (Cho et al. 2014)."""

from __future__ import annotations

import torch
from torch import Tensor

from recaudit.errors import InputRefused
from recaudit.models.shapes import FIX

_NEEDED = ("weight_ih_l0", "weight_hh_l0")


def gru_of(weights: dict[str, Tensor]) -> torch.nn.GRU:
    """Torch's GRU with the weights ``{weight_ih,weight_hh[,bias_ih,bias_hh]}_l{layer}``.

    Gates lie in torch's order (reset, update, new).

    Raises:
        InputRefused: a weight is missing, one too many, or of another shape than the first layer asks for.
    """
    for name in _NEEDED:
        if name not in weights or weights[name].ndim != 2:
            raise InputRefused(f"the recurrent layer has no matrix {name}", fix=FIX)
    inputs, width = weights["weight_ih_l0"].shape[1], weights["weight_hh_l0"].shape[1]
    layers = sum(name.startswith("weight_hh_l") for name in weights)
    gru = torch.nn.GRU(inputs, width, layers, bias="bias_ih_l0" in weights, batch_first=True)
    wanted = {name: list(parameter.shape) for name, parameter in gru.named_parameters()}
    found = {name: list(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise InputRefused(
                f"{name} is {found.get(name, 'missing')}, a recurrent layer from {inputs:,} to {width:,} "
                f"has {wanted.get(name, 'no such tensor')}",
                fix=FIX,
            )
    gru.load_state_dict(weights)
    return gru.eval()


def last_hidden(gru: torch.nn.GRU, vectors: Tensor, lengths: Tensor) -> Tensor:
    """Hidden state after each history: [n, width].

    Args:
        vectors: [n, T, d], left-aligned; what lies past a history's end comes after and is not read.
        lengths: [n], at least 1.
    """
    states, _ = gru(vectors)
    return states[torch.arange(len(lengths)), lengths - 1]
