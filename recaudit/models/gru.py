"""A gated recurrent unit read at the last real position (Cho et al. 2014)."""

from __future__ import annotations

import torch
from torch import Tensor

from recaudit.models.shapes import agree

_GATES = 3


def gru_of(weights: dict[str, Tensor]) -> torch.nn.GRU:
    """Torch's GRU with the weights ``{weight_ih,weight_hh[,bias_ih,bias_hh]}_l{layer}``.

    Gates lie in torch's order (reset, update, new).
    """
    first, inner = weights["weight_ih_l0"], weights["weight_hh_l0"]
    width = inner.shape[1]
    agree("weight_ih_l0 has rows", len(first), "three gates of the hidden state", _GATES * width)
    agree("weight_hh_l0 has rows", len(inner), "three gates of the hidden state", _GATES * width)
    layers = sum(name.startswith("weight_hh_l") for name in weights)
    gru = torch.nn.GRU(first.shape[1], width, layers, bias="bias_ih_l0" in weights, batch_first=True)
    for name, parameter in gru.named_parameters():
        agree(
            f"{name} has values",
            weights[name].numel(),
            "the widths of the first layer ask for",
            parameter.numel(),
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
