"""Matrix factorisation that solves a user's vector from the history (LensKit's ALS scorers).

The item table is the model; a user's stored vector is not used. ``M`` [n, d] are the vectors of the items
in a history. Sources: Hu, Koren and Volinsky 2008 (implicit), Zhou et al. 2008 (explicit), and the code of
LensKit 2025.8.
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused, NoVerdictError
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.dot import bias_of
from recaudit.models.heads import DotHead
from recaudit.models.shapes import matrix

_BATCH = 4096
Float64 = NDArray[np.float64]


class _FoldIn(Recommender):
    """Ridge regressions, one per case: ``x = (M' W M + penalty)⁻¹ M' y``."""

    reads = "set"
    site = "user vector solved from the history"

    def __init__(self, spec: ModelSpec) -> None:
        item = matrix(spec, "item")
        self.head = DotHead(item, bias_of(spec, "item", len(item)))
        self.n_items, self.dim = item.shape
        self.link = spec.link
        self._items = item.astype(np.float64)

    def represent(self, cases: Cases) -> FloatArray:
        """[n, dim]; a case without history gets the zero vector."""
        batches = [self._solved(batch) for batch in cases.chunks(_BATCH)]
        return np.concatenate(batches).astype(np.float32) if batches else np.empty((0, self.dim), np.float32)

    def _solved(self, cases: Cases) -> Float64:
        left = np.empty((len(cases), self.dim, self.dim))
        right = np.empty((len(cases), self.dim))
        weights, targets = self._regression(cases)
        for case, (start, stop) in enumerate(pairwise(cases.offsets)):
            rows = self._items[cases.history[start:stop]]
            left[case] = (rows.T * weights[start:stop]) @ rows + self._penalty(stop - start)
            right[case] = targets[start:stop] @ rows
        try:
            solved = np.linalg.solve(left, right[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError:
            raise InputRefused(
                "the least-squares problem of a user has no solution: item vectors or regularisation are damaged",
                fix="save the model again",
            ) from None
        return np.asarray(solved, dtype=np.float64)

    @abstractmethod
    def _regression(self, cases: Cases) -> tuple[Float64, Float64]:
        """``W``'s diagonal and ``y``, parallel to ``cases.history``."""

    @abstractmethod
    def _penalty(self, n: int) -> Float64:
        """[dim, dim] for a history of ``n`` items."""


class ImplicitFoldIn(_FoldIn):
    """``x = (OᵀO + M' W M)⁻¹ M' (w + 1)``: confidence ``w`` on each item of the history.

    Tensors: ``item`` [items, d], ``gram`` [d, d] (``OᵀO`` of all items plus the regulariser). Settings:
    ``weight``; ``use_ratings``: whether it is multiplied by the rating.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self._gram = matrix(spec, "gram").astype(np.float64)
        self._weight = float(spec.settings["weight"])
        self._use_ratings = bool(spec.settings["use_ratings"])
        if self._gram.shape != (self.dim, self.dim):
            raise InputRefused(
                f"the Gram matrix is {list(self._gram.shape)}, but item vectors are {self.dim} wide",
                fix="save the model again; its tensors do not belong together",
            )

    def _regression(self, cases: Cases) -> tuple[Float64, Float64]:
        weights = np.full(len(cases.history), self._weight)
        if self._use_ratings:
            weights *= _ratings(cases)
        return weights, weights + 1.0

    def _penalty(self, n: int) -> Float64:
        return self._gram


class BiasedFoldIn(_FoldIn):
    """``x = (M'M + λ n I)⁻¹ M' (r - g - b_i - b_u)`` with ``b_u = Σ (r - g - b_i) / (n + damping)``.

    Tensors: ``item`` [items, d], ``item_bias`` [items]. Settings: ``constant`` (g), ``regularization`` (λ),
    ``damping``. ``g + b_u`` is a case's offset.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        self._constant = float(spec.settings["constant"])
        self._ridge = float(spec.settings["regularization"]) * np.eye(self.dim)
        self._damping = float(spec.settings["damping"])
        bias = self.head.bias
        self._baseline = self._constant + (
            np.zeros(self.n_items) if bias is None else bias.astype(np.float64)
        )

    def offset(self, cases: Cases) -> FloatArray:
        return (self._constant + self._user_bias(cases, self._residuals(cases))).astype(np.float32)

    def _regression(self, cases: Cases) -> tuple[Float64, Float64]:
        residuals = self._residuals(cases)
        lengths = np.diff(cases.offsets)
        targets = residuals - np.repeat(self._user_bias(cases, residuals), lengths)
        return np.ones(len(residuals)), targets

    def _penalty(self, n: int) -> Float64:
        return self._ridge * max(n, 1)

    def _residuals(self, cases: Cases) -> Float64:
        return _ratings(cases) - self._baseline[cases.history]

    def _user_bias(self, cases: Cases, residuals: Float64) -> Float64:
        lengths = np.diff(cases.offsets)
        owner = np.repeat(np.arange(len(cases)), lengths)
        total = np.bincount(owner, weights=residuals, minlength=len(cases))
        return total / np.maximum(lengths + self._damping, np.finfo(np.float64).tiny)


def _ratings(cases: Cases) -> Float64:
    if cases.ratings is None or np.isnan(cases.ratings).any():
        raise NoVerdictError(
            "this model solves users from their ratings, and the data has interactions without a rating",
            fix="give data with a rating for every interaction",
        )
    return cases.ratings.astype(np.float64)
