"""After the probing site: from a vector to a score for every item. Data and numpy only.

A head is stored in the audit file with the vectors, so rankings, explanations and steering need neither
the checkpoint nor torch. ``score(x)`` leaves out what moves no rank: the case's offset and the link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

LINKS = ("identity", "sigmoid", "clip")
"""What a tool does to ``score + offset`` before it shows it; ``clip`` takes bounds: ``clip:1:5``."""


class Head(Protocol):
    """Scores of a fixed list of items."""

    kind: str
    """Key of ``HEADS``."""

    @property
    def vectors(self) -> FloatArray:
        """[items, width] one row per item; what an item-side audit looks at."""
        ...

    @property
    def bias(self) -> FloatArray | None:
        """[items] added to each item's score, or None."""
        ...

    @property
    def tensors(self) -> Mapping[str, FloatArray]:
        """Weights beyond one row per item."""
        ...

    def score(self, x: FloatArray) -> FloatArray:
        """[n, dim] to [n, items]."""
        ...


@dataclass(frozen=True)
class DotHead:
    """``score(x, i) = x · vectors[i] + bias[i]``. Explanations split it exactly."""

    vectors: FloatArray
    bias: FloatArray | None = None
    kind = "dot"

    @property
    def tensors(self) -> Mapping[str, FloatArray]:
        return {}

    def score(self, x: FloatArray) -> FloatArray:
        scores = x @ self.vectors.T
        return scores if self.bias is None else scores + self.bias


@dataclass(frozen=True)
class MaxInterestHead:
    """``score(x, i) = max_k x_k · vectors[i]``, ``x`` being K interests end to end (ComiRec)."""

    vectors: FloatArray
    kind = "max-interest"
    bias = None

    @property
    def tensors(self) -> Mapping[str, FloatArray]:
        return {}

    def score(self, x: FloatArray) -> FloatArray:
        """[n, K * width] to [n, items]."""
        width = self.vectors.shape[1]
        interests = x.reshape(len(x), x.shape[1] // width, width)
        best = interests[:, 0] @ self.vectors.T
        for k in range(1, interests.shape[1]):
            np.maximum(best, interests[:, k] @ self.vectors.T, out=best)
        return best


@dataclass(frozen=True)
class MlpHead:
    """``score(x, i) = out · [x_mf * v_mf ; mlp([x_mlp ; v_mlp])] + out.bias + bias[i]`` (He et al. 2017).

    ``x = [x_mf ; x_mlp]`` and a row of ``vectors`` is ``[v_mf ; v_mlp]``; the first parts are equally wide
    and may be empty. ``mlp`` is ReLU after every layer.

    ``tensors``: ``layers.{l}.weight`` [out, in], ``layers.{l}.bias`` [out], ``out.weight`` [1, mf + last],
    ``out.bias`` [1]. All widths follow from their shapes.
    """

    vectors: FloatArray
    tensors: Mapping[str, FloatArray]
    bias: FloatArray | None = None
    kind = "mlp"

    def score(self, x: FloatArray) -> FloatArray:
        layers = self._layers()
        (first, first_bias), *rest = layers
        out = self.tensors["out.weight"][0]
        shared = len(out) - len(layers[-1][0])  # width of the product part
        # The first layer sees [x ; v]: each half goes through it once, not once per pair.
        user_width = x.shape[1] - shared
        from_user = x[:, shared:] @ first[:, :user_width].T
        from_item = self.vectors[:, shared:] @ first[:, user_width:].T + first_bias
        scores = (x[:, :shared] * out[:shared]) @ self.vectors[:, :shared].T
        items = max(1, _PAIRS_AT_ONCE // max(len(x), 1))
        for start in range(0, len(self.vectors), items):
            part = slice(start, start + items)
            hidden = (from_user[:, None] + from_item[None, part]).reshape(-1, len(first))
            for weight, bias in rest:
                hidden = np.maximum(hidden, 0, out=hidden) @ weight.T
                hidden += bias
            hidden = np.maximum(hidden, 0, out=hidden)
            scores[:, part] += (hidden @ out[shared:]).reshape(scores[:, part].shape)
        scores += self.tensors["out.bias"]
        return scores if self.bias is None else scores + self.bias

    def _layers(self) -> list[tuple[FloatArray, FloatArray]]:
        count = sum(name.startswith("layers.") and name.endswith(".weight") for name in self.tensors)
        return [
            (self.tensors[f"layers.{index}.weight"], self.tensors[f"layers.{index}.bias"])
            for index in range(count)
        ]


class SigmoidMlpHead(MlpHead):
    """``σ(mlp score) + bias[i]``: biases outside the sigmoid, where they do move ranks."""

    kind = "mlp-sigmoid"

    def score(self, x: FloatArray) -> FloatArray:
        inside = MlpHead(self.vectors, self.tensors).score(x)
        scores = (1 / (1 + np.exp(-inside))).astype(np.float32, copy=False)
        return scores if self.bias is None else scores + self.bias


_PAIRS_AT_ONCE = 1 << 14
"""Pairs of a case and an item in one pass of the MLP: 4 MiB for a layer 64 wide, so it stays in cache."""

HEADS: Mapping[str, Callable[..., Head]] = {
    "dot": lambda vectors, bias, tensors: DotHead(vectors, bias),
    "max-interest": lambda vectors, bias, tensors: MaxInterestHead(vectors),
    "mlp": lambda vectors, bias, tensors: MlpHead(vectors, tensors, bias),
    "mlp-sigmoid": lambda vectors, bias, tensors: SigmoidMlpHead(vectors, tensors, bias),
}
"""Kind to constructor from what the audit file stores: vectors, bias, tensors."""


def restricted(head: Head, rows: NDArray[np.int64]) -> Head:
    """The same head over some of its items, in the order of ``rows``."""
    bias = None if head.bias is None else head.bias[rows]
    return HEADS[head.kind](head.vectors[rows], bias, head.tensors)


def linked(link: str, scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """``scores`` (offset already added) as the tool shows them."""
    name, *bounds = link.split(":")
    if name == "sigmoid":
        return 1.0 / (1.0 + np.exp(-scores))
    if name == "clip":
        return np.clip(scores, float(bounds[0]), float(bounds[1]))
    return scores
