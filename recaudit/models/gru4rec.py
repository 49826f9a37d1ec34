"""GRU4Rec: a recurrent network over a user's history (Hidasi et al. 2016, Tan et al. 2016)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.gru import gru_of, last_hidden
from recaudit.models.heads import DotHead
from recaudit.models.sequence import SequenceModel
from recaudit.models.shapes import agree


class GRU4Rec(SequenceModel):
    """``dense(h_last) · item``.

    Tensors: ``item`` [rows, d]; ``gru.{weight_ih,weight_hh,bias_ih,bias_hh}_l{l}`` (RecBole has no biases);
    ``dense.{weight,bias}``, hidden to d.
    """

    site = "dense layer on the last hidden state"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        item = self.weights["item"]
        self.n_items, self.dim = item.shape
        self.head = DotHead(item.numpy())
        self._gru = gru_of(self.part("gru."))
        self._dense = self.linear("dense")
        out, hidden = self._dense[0].shape
        agree("the item table is wide", self.dim, "the recurrent layer takes", self._gru.input_size)
        agree("the recurrent layer gives", self._gru.hidden_size, "the dense layer takes", hidden)
        agree("the dense layer gives", out, "the item table is wide", self.dim)

    def vectors(self, rows: Tensor, lengths: Tensor) -> Tensor:
        hidden = last_hidden(self._gru, self.weights["item"][rows], lengths)
        return F.linear(hidden, *self._dense)
