"""After the probing site: from a vector to a score for every item. Data and numpy only.

A head is stored in the audit file with the vectors, so rankings, explanations and steering need neither
the checkpoint nor torch. ``score(x)`` leaves out what moves no rank: the case's offset and the link.
"""

from __future__ import annotations

from collections.abc import Mapping
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


HEADS = {"dot": lambda vectors, bias, tensors: DotHead(vectors, bias)}
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
