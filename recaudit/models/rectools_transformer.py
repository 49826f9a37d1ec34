"""SASRec and BERT4Rec as RecTools writes them: sessions padded on the left to a fixed length.

Unlike in RecBole or ReChorus, padding takes part: unless the key padding mask is on, attention also looks
at the empty places before a short session. So every session is run at its full length here. Source: the
code of RecTools 0.19.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.heads import DotHead
from recaudit.models.sequence import SequenceModel
from recaudit.models.shapes import agree, table

_BLOCK_NORM_EPS = 1e-5
_LAST_NORM_EPS = 1e-8


class RecToolsTransformer(SequenceModel):
    """Item + position, blocks of attention and feed-forward, the vector at the last place.

    Tensors: ``item`` [rows, d] with padding in row 0; optional ``position`` [places, d], counted from the
    last place back; per block ``blocks.{l}.attention.{in_proj_weight,in_proj_bias}`` (query, key and value
    stacked), ``blocks.{l}.{out,linear1,linear2,norm1,norm2}.{weight,bias}``; for ``sasrec`` also
    ``last_norm.{weight,bias}``.

    Settings: ``block`` (``sasrec``: the query is normalised, keys and values are not; ``pre_norm``:
    BERT4Rec), ``heads``, ``session_length`` (places), ``causal``, ``mask_padding``, and ``mask_row``, the
    item row that stands in the last place and asks for the next item (BERT4Rec), or None.
    """

    site = "last position of the last block"

    def __init__(self, spec: ModelSpec) -> None:
        self.mask_row: int | None = spec.settings["mask_row"]
        self.session_length = int(spec.settings["session_length"])
        read = self.session_length - (self.mask_row is not None)
        if read < 1:
            raise InputRefused(
                f"a session of {self.session_length} places leaves none for items",
                fix="save the model again; its settings are damaged",
            )
        super().__init__(replace(spec, settings={**spec.settings, "history_length": read}))
        self.head = DotHead(table(spec, "item"))
        self.n_items, self.dim = self.head.vectors.shape
        self.causal, self.mask_padding = bool(spec.settings["causal"]), bool(spec.settings["mask_padding"])
        self.heads = int(spec.settings["heads"])
        self._block = {"sasrec": self._sasrec_block, "pre_norm": self._pre_norm_block}[spec.settings["block"]]
        self._blocks = 1 + max(
            (int(name.split(".")[1]) for name in spec.tensors if name.startswith("blocks.")), default=-1
        )
        self._check()

    def vectors(self, rows: Tensor, lengths: Tensor) -> Tensor:
        sessions = self._sessions(rows, lengths)  # (B, L)
        real = sessions != 0
        x = self.weights["item"][sessions]
        if "position" in self.weights:
            x = x + self.weights["position"][: self.session_length].flip(0)
        seen = self._seen(real)
        for block in range(self._blocks):
            x = self._block(x, seen, real, f"blocks.{block}")
        if "last_norm.weight" in self.weights:
            x = self._norm(x * real[:, :, None], "last_norm", _LAST_NORM_EPS)
        return x[:, -1]

    def _sessions(self, rows: Tensor, lengths: Tensor) -> Tensor:
        """Left-aligned rows [n, T] to right-aligned ones [n, session_length], the mask row last."""
        ends = self.session_length - (self.mask_row is not None)
        place = torch.arange(self.session_length) - (ends - lengths)[:, None]
        inside = (place >= 0) & (place < lengths[:, None])
        sessions = torch.where(inside, rows.gather(1, place.clamp(0, rows.shape[1] - 1)), 0)
        if self.mask_row is not None:
            sessions[:, -1] = self.mask_row
        return sessions

    def _seen(self, real: Tensor) -> Tensor:
        """Which places each place attends to: [n, 1, L, L]."""
        length = real.shape[1]
        seen = torch.ones(length, length, dtype=torch.bool)
        if self.causal:
            seen = seen.tril()
        if self.mask_padding:
            # An empty place sees itself, as in RecTools: it must see something.
            return ((seen & real[:, None, :]) | torch.eye(length, dtype=torch.bool))[:, None]
        return seen.expand(len(real), 1, length, length)

    def _sasrec_block(self, x: Tensor, seen: Tensor, real: Tensor, name: str) -> Tensor:
        x = x * real[:, :, None]
        query = self._norm(x, f"{name}.norm1")
        y = self._norm(query + self._attention(query, x, seen, name), f"{name}.norm2")
        return y + self._feed_forward(y, name, F.relu)

    def _pre_norm_block(self, x: Tensor, seen: Tensor, real: Tensor, name: str) -> Tensor:
        inner = self._norm(x, f"{name}.norm1")
        x = x + self._attention(inner, inner, seen, name)
        return x + self._feed_forward(self._norm(x, f"{name}.norm2"), name, F.gelu)

    def _attention(self, query: Tensor, other: Tensor, seen: Tensor, name: str) -> Tensor:
        weights = self.weights[f"{name}.attention.in_proj_weight"].chunk(3)
        biases = self.weights[f"{name}.attention.in_proj_bias"].reshape(-1).chunk(3)
        inputs = (query, other, other)
        q, k, v = (self._split(F.linear(x, w, b)) for x, w, b in zip(inputs, weights, biases, strict=True))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self._linear(mixed.transpose(1, 2).reshape(query.shape), f"{name}.out")

    def _split(self, x: Tensor) -> Tensor:
        # (B, L, d) to (B, heads, L, d / heads)
        return x.reshape(*x.shape[:-1], self.heads, self.dim // self.heads).transpose(1, 2)

    def _feed_forward(self, x: Tensor, name: str, activation: Callable[[Tensor], Tensor]) -> Tensor:
        return self._linear(activation(self._linear(x, f"{name}.linear1")), f"{name}.linear2")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str, eps: float = _BLOCK_NORM_EPS) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.layer_norm(x, (self.dim,), weight, bias, eps)

    def _check(self) -> None:
        if self.dim % self.heads:
            raise InputRefused(
                f"{self.heads} attention heads do not divide the width {self.dim}",
                fix="give the number of heads the model was trained with: --heads N",
            )
        if "position" in self.weights:
            places, width = self.weights["position"].shape
            agree("the session has places", self.session_length, "the position table has rows", places)
            agree("items are wide", self.dim, "positions", width)
        for block in range(self._blocks):
            stacked, width = self.weights[f"blocks.{block}.attention.in_proj_weight"].shape
            agree("items are wide", self.dim, f"attention in block {block} takes", width)
            agree("query, key and value are together", 3 * self.dim, f"block {block} stacks", stacked)
