"""Models with several interests per user: ComiRec (Cen et al. 2020) and TiMiRec (Wang et al. 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.gru import gru_of, last_hidden
from recaudit.models.heads import DotHead, Head, MaxInterestHead
from recaudit.models.sequence import SequenceModel, inside
from recaudit.models.shapes import FIX, agree, matrix, stack
from recaudit.models.transformer import Block


class ComiRec(SequenceModel):
    """K interests, each an average of the history under its own attention; the best one scores an item.

    Attention over time: ``softmax(W2 tanh(W1 h))``, h = item + position. Averaged are the items
    (``pools = "items"``, ComiRec) or h itself (``pools = "inputs"``, TiMiRec's extractor before fine-tuning,
    which may put a transformer block over h first).

    Tensors: ``item`` [rows, d]; ``position`` [places, d] or none, counted from the end (1 is the newest item);
    ``W1.{weight,bias}`` [a, d], ``W2.{weight,bias}`` [K, a]; ``block.*``, see ``transformer.Block``, or none.
    """

    site = "interests, end to end"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        item = self.weights["item"]
        self.n_items, self.width = item.shape
        self._attention = self.linear("W1"), self.linear("W2")
        (first, _), (second, _) = self._attention
        self.n_interests = len(second)
        agree("the item table is wide", self.width, "W1 takes", first.shape[1])
        agree("W1 gives", len(first), "W2 takes", second.shape[1])
        self._pools_items = spec.settings["pools"] == "items"
        self._block = _block(self.part("block."))
        if self._block is not None:
            agree("the item table is wide", self.width, "the block", self._block.width)
        if "position" in self.weights:
            places, width = matrix(spec, "position").shape
            agree("the item table is wide", self.width, "the position table", width)
            if places <= self.history_length:
                raise InputRefused(
                    f"a history of {self.history_length:,} items has no place in {places:,} rows of positions",
                    fix=f"give --history-length of at most {places - 1}",
                )
        self.dim = self.n_interests * self.width
        self.head: Head = MaxInterestHead(item.numpy())

    def vectors(self, rows: Tensor, lengths: Tensor) -> Tensor:
        return self.interests(rows, lengths).flatten(1)

    def interests(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """[n, K, d]"""
        w, seen = self.weights, inside(rows.shape[1], lengths)
        items = w["item"][rows]
        h = items
        if "position" in w:
            from_end = (lengths[:, None] - torch.arange(rows.shape[1])).clamp(min=0)
            h = h + w["position"][from_end]
        if self._block is not None:
            h = self._block(h, seen)
        first, second = self._attention
        attention = F.linear(F.linear(h, *first).tanh(), *second)  # (n, T, K)
        attention = attention.masked_fill(~seen[..., None], -torch.inf).softmax(dim=1)
        return attention.transpose(1, 2) @ (items if self._pools_items else h)


class TiMiRec(ComiRec):
    """Interests mixed by how much a recurrent network expects each: ``Σ_k softmax(proj(h_last))_k interest_k``.

    Further tensors: ``predictor.item`` [rows + 1, d], a table of its own; ``predictor.gru.*``, see
    ``gru.gru_of``; ``proj.{l}.{weight,bias}``, ReLU between them.
    """

    site = "mixed interest"

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self.dim = self.width
        self.head = DotHead(self.weights["item"].numpy())
        self._gru = gru_of(self.part("predictor.gru."))
        own = matrix(spec, "predictor.item")
        agree("the predictor's item table is wide", own.shape[1], "its network takes", self._gru.input_size)
        agree(
            "the predictor's items and one are", len(own), "the extractor's items and one", self.n_items + 1
        )
        self._proj = stack(spec, "proj")
        if not self._proj:
            raise InputRefused("no layer projects the predictor's state onto interests", fix=FIX)
        first, last = self._proj[0].weight, self._proj[-1].weight
        agree("the predictor gives", self._gru.hidden_size, "the projection takes", first.shape[1])
        agree("the projection gives", len(last), "interests are", self.n_interests)

    def vectors(self, rows: Tensor, lengths: Tensor) -> Tensor:
        expected = last_hidden(self._gru, self.weights["predictor.item"][rows], lengths)
        for index, layer in enumerate(self._proj):
            inputs = F.relu(expected) if index else expected
            expected = F.linear(inputs, torch.from_numpy(layer.weight), torch.from_numpy(layer.bias))
        return (expected.softmax(dim=1)[:, None] @ self.interests(rows, lengths))[:, 0]


def _block(weights: dict[str, Tensor]) -> Block | None:
    return Block(weights, heads=1, activation="relu", norm_eps=1e-5) if weights else None
