"""SASRec: self-attention over a user's history (Kang and McAuley 2018).

One implementation serves the variants in the wild; ``Variant`` holds what they disagree on. Padding
never enters a result: histories are left-aligned, attention is causal, and only the last real position
is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead

_BATCH = 512


@dataclass(frozen=True)
class Variant:
    """Where implementations of SASRec differ."""

    heads: int
    history_length: int
    positions: str
    """``from_start``: 0 is the oldest kept item (RecBole). ``from_end``: 1 is the newest (ReChorus)."""
    activation: str
    """Of the feed-forward layer: ``relu`` or ``gelu`` (the erf form)."""
    norm_eps: float
    norm_input: bool
    """LayerNorm on item + position before the first block (RecBole)."""

    @classmethod
    def of(cls, spec: ModelSpec) -> Variant:
        return cls(**{name: spec.settings[name] for name in cls.__dataclass_fields__})


class SASRec(Recommender):
    """Blocks of causal attention and feed-forward, each followed by residual and LayerNorm.

    Tensors: ``item`` [rows, d], ``position`` [places, d], optional ``input_norm.{weight,bias}``, and per
    block ``blocks.{l}.{query,key,value,out,linear1,linear2,norm1,norm2}.{weight,bias}``; ``out`` may be
    missing (ReChorus has no output projection).
    """

    reads = "sequence"
    site = "last position of the last block"

    def __init__(self, spec: ModelSpec) -> None:
        self.variant = Variant.of(spec)
        self.head = DotHead(spec.tensors["item"].astype(np.float32, copy=False))
        self.n_items, self.dim = self.head.vectors.shape
        self.history_length = self.variant.history_length
        if self.dim % self.variant.heads:
            raise InputRefused(
                f"{self.variant.heads} attention heads do not divide the width {self.dim}",
                fix="give the number of heads the model was trained with: --heads N",
            )
        self._weights = {name: torch.from_numpy(_float(t)) for name, t in spec.tensors.items()}
        self._blocks = 1 + max(int(name.split(".")[1]) for name in spec.tensors if name.startswith("blocks."))

    def represent(self, cases: Cases) -> FloatArray:
        """[n, dim]; every case needs at least one item of history."""
        order = np.argsort(np.diff(cases.offsets), kind="stable")
        result = np.empty((len(cases), self.dim), dtype=np.float32)
        rows, lengths = cases.padded(self.variant.history_length)
        for start in range(0, len(cases), _BATCH):
            batch = order[start : start + _BATCH]
            width = int(lengths[batch].max())
            result[batch] = self._last_positions(
                torch.from_numpy(rows[batch, :width]), torch.from_numpy(lengths[batch])
            ).numpy()
        return result

    @torch.inference_mode()
    def _last_positions(self, rows: Tensor, lengths: Tensor) -> Tensor:
        w = self._weights
        x = w["item"][rows] + w["position"][self._places(rows.shape[1], lengths)]  # (B, T, d)
        if self.variant.norm_input:
            x = self._norm(x, "input_norm")
        for block in range(self._blocks):
            x = self._block(x, f"blocks.{block}")
        return x[torch.arange(len(rows)), lengths - 1]

    def _places(self, width: int, lengths: Tensor) -> Tensor:
        place = torch.arange(width)
        if self.variant.positions == "from_start":
            return place.expand(len(lengths), width)
        return (lengths[:, None] - place).clamp(min=0)

    def _block(self, x: Tensor, name: str) -> Tensor:
        x = self._norm(x + self._attention(x, name), f"{name}.norm1")
        inner = self._linear(x, f"{name}.linear1")
        inner = F.relu(inner) if self.variant.activation == "relu" else F.gelu(inner)
        return self._norm(x + self._linear(inner, f"{name}.linear2"), f"{name}.norm2")

    def _attention(self, x: Tensor, name: str) -> Tensor:
        q, k, v = (self._heads(self._linear(x, f"{name}.{part}")) for part in _ATTENTION_INPUTS)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        joined = mixed.transpose(1, 2).reshape(x.shape)
        return self._linear(joined, f"{name}.out") if f"{name}.out.weight" in self._weights else joined

    def _heads(self, x: Tensor) -> Tensor:
        # (B, T, d) to (B, heads, T, d / heads)
        split = x.reshape(*x.shape[:-1], self.variant.heads, self.dim // self.variant.heads)
        return split.transpose(1, 2)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(x, (self.dim,), weight, bias, self.variant.norm_eps)


_ATTENTION_INPUTS = ("query", "key", "value")


def _float(tensor: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(tensor, dtype=np.float32)
