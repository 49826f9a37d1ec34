"""BERT4Rec: a history with a mask at its end, filled in by a bidirectional transformer (Sun et al. 2019).

As RecBole runs it: the mask goes behind the history, and the oldest item is always dropped to make room,
even when there is room. A history of one item is therefore the mask alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.heads import DotHead
from recaudit.models.sequence import SequenceModel, inside
from recaudit.models.shapes import agree, matrix, table
from recaudit.models.transformer import Block


class BERT4Rec(SequenceModel):
    """``norm(gelu(dense(h_mask))) · item + item_bias``.

    Tensors: ``item`` [items + 1, d], its last row the mask; ``item_bias`` [items]; ``position`` [places, d],
    0 the oldest; ``input_norm``, ``dense`` and ``output_norm`` ``.{weight,bias}``; ``blocks.{l}.*``, see
    ``transformer.Block``. Settings besides: ``heads``, ``activation``, ``norm_eps``.
    """

    site = "output layer at the mask"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        w = self.weights
        self.n_items, self.dim = len(table(spec, "item_bias")), w["item"].shape[1]
        agree("item rows are", len(w["item"]), "items (output biases) and a mask are", self.n_items + 1)
        self.head = DotHead(w["item"][:-1].numpy(), w["item_bias"].numpy())
        agree("the item table is wide", self.dim, "the position table", matrix(spec, "position").shape[1])
        if len(w["position"]) < self.history_length:
            raise InputRefused(
                f"a history of {self.history_length:,} items has no place in {len(w['position']):,} rows of positions",
                fix=f"give --history-length of at most {len(w['position'])}",
            )
        self._dense = self.linear("dense")
        agree("the item table is wide", self.dim, "the output layer takes", self._dense[0].shape[1])
        agree("the item table is wide", self.dim, "the output layer gives", len(self._dense[0]))
        for name in ("input_norm.weight", "input_norm.bias", "output_norm.weight", "output_norm.bias"):
            agree("the item table is wide", self.dim, f"{name} has values", len(table(spec, name)))
        self._mask = self.n_items
        self._eps = float(spec.settings["norm_eps"])
        count = len({name.split(".")[1] for name in w if name.startswith("blocks.")})
        self._blocks = [
            Block(
                self.part(f"blocks.{index}."), spec.settings["heads"], spec.settings["activation"], self._eps
            )
            for index in range(count)
        ]
        for index, block in enumerate(self._blocks):
            agree("the item table is wide", self.dim, f"block {index}", block.width)

    def vectors(self, rows: Tensor, lengths: Tensor) -> Tensor:
        w, end = self.weights, (torch.arange(len(rows)), lengths - 1)
        # Shift by one: place t now holds item t + 1, and the mask stands where the newest item was.
        rows = rows.roll(-1, dims=1)
        rows[end] = self._mask
        width = rows.shape[1]
        x = self._norm(w["item"][rows] + w["position"][:width], "input_norm")
        for block in self._blocks:
            x = block(x, inside(width, lengths))
        at_mask = F.gelu(F.linear(x[end], *self._dense))
        return self._norm(at_mask, "output_norm")

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.layer_norm(x, (self.dim,), weight, bias, self._eps)
