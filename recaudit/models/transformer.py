"""A transformer block over whole histories: every position sees every other (Vaswani et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from recaudit.errors import InputRefused
from recaudit.models.shapes import FIX

_LAYERS = ("query", "key", "value", "out", "linear1", "linear2")


@dataclass(frozen=True)
class Block:
    """Attention and feed-forward, each followed by residual and LayerNorm.

    ``weights``: ``{query,key,value,linear1,linear2,norm1,norm2}.{weight,bias}`` and, where attention ends in
    a projection, ``out.{weight,bias}``.
    """

    weights: dict[str, Tensor]
    heads: int
    activation: str
    """``relu`` or ``gelu`` (the erf form)."""
    norm_eps: float

    def __post_init__(self) -> None:
        width, inner = self.width, len(self._found("linear1.weight"))
        sizes = dict.fromkeys(_LAYERS, (width, width)) | {
            "linear1": (inner, width),
            "linear2": (width, inner),
        }
        for name, size in sizes.items():
            if name == "out" and "out.weight" not in self.weights:
                continue
            self._check(f"{name}.weight", size)
            self._check(f"{name}.bias", size[:1])
        for name in ("norm1", "norm2"):
            self._check(f"{name}.weight", (width,))
            self._check(f"{name}.bias", (width,))
        if width % self.heads:
            raise InputRefused(
                f"{self.heads} attention heads do not divide the width {width}",
                fix="give the number of heads the model was trained with: --heads N",
            )

    @property
    def width(self) -> int:
        return len(self._found("norm1.weight"))

    def _found(self, name: str) -> Tensor:
        if name not in self.weights:
            raise InputRefused(f"a transformer block has no `{name}`", fix=FIX)
        return self.weights[name]

    def _check(self, name: str, size: tuple[int, ...]) -> None:
        found = tuple(self._found(name).shape)
        if found != size:
            raise InputRefused(
                f"`{name}` of a transformer block is {list(found)}, a block {self.width:,} wide has {list(size)}",
                fix=FIX,
            )

    def __call__(self, x: Tensor, seen: Tensor) -> Tensor:
        """[n, T, d] to the same.

        Args:
            seen: [n, T], the places that attention may look at.
        """
        x = self._norm(x + self._attention(x, seen), "norm1")
        inner = self._linear(x, "linear1")
        inner = F.relu(inner) if self.activation == "relu" else F.gelu(inner)
        return self._norm(x + self._linear(inner, "linear2"), "norm2")

    def _attention(self, x: Tensor, seen: Tensor) -> Tensor:
        query, key, value = (self._split(self._linear(x, part)) for part in ("query", "key", "value"))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None, None, :])
        joined = mixed.transpose(1, 2).reshape(x.shape)
        return self._linear(joined, "out") if "out.weight" in self.weights else joined

    def _split(self, x: Tensor) -> Tensor:
        # (n, T, d) to (n, heads, T, d / heads)
        return x.reshape(*x.shape[:-1], self.heads, x.shape[-1] // self.heads).transpose(1, 2)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return F.layer_norm(x, (len(weight),), weight, bias, self.norm_eps)
