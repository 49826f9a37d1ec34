"""SimpleX: a user's own vector mixed with the history's, compared by cosine (Mao et al. 2021)."""

from __future__ import annotations

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead
from recaudit.models.profile import profiles
from recaudit.models.shapes import agree, linear, matrix

_GUARD = np.float32(1e-10)
_SMALLEST_NORM = np.float32(1e-12)


class SimpleX(Recommender):
    """``cos(g u + (1 - g) M h, item)``, h an average of the history's item vectors.

    The average is plain, or weighted by ``exp(u · k)`` or ``exp(q · k)`` with ``k = tanh(K item + b)``.

    RecBole reads at most ``longest_history`` items of a user, chosen at random when the model is built and
    saved nowhere: a longer history cannot be computed as RecBole did, and is refused.

    Tensors: ``user`` [users, d], ``item`` [items, d], ``map`` [d, d], and for the weighted averages
    ``key.{weight,bias}`` [d, d] and ``query`` [1, d]. Settings: ``own_share`` (g), ``aggregator``
    (``mean``, ``user_attention``, ``self_attention``), ``longest_history``.
    """

    reads = "set"
    site = "user vector, of length 1"

    def __init__(self, spec: ModelSpec) -> None:
        self._own_share = np.float32(spec.settings["own_share"])
        self._longest = int(spec.settings["longest_history"])
        self._user, self._item, self._map = (matrix(spec, name) for name in ("user", "item", "map"))
        self.n_users, self.dim = self._user.shape
        self.n_items = len(self._item)
        agree("the user table is wide", self.dim, "the item table", self._item.shape[1])
        agree("the user table is wide", self.dim, "the map takes", self._map.shape[1])
        agree("the user table is wide", self.dim, "the map gives", len(self._map))
        self._aggregator = str(spec.settings["aggregator"])
        if self._aggregator != "mean":
            key = linear(spec, "key")
            agree("the item table is wide", self.dim, "the keys take", key.weight.shape[1])
            agree("the item table is wide", self.dim, "the keys are", len(key.weight))
            self._keys: FloatArray = np.tanh(key(self._item))
        if self._aggregator == "self_attention":
            query = matrix(spec, "query")
            agree("queries are", len(query), "expected is", 1)
            agree("the keys are wide", self.dim, "the query", query.shape[1])
            self._query = query[0]
        self.head = DotHead(_unit(self._item))

    def represent(self, cases: Cases) -> FloatArray:
        too_long = int((np.diff(cases.offsets) > self._longest).sum())
        if too_long:
            raise InputRefused(
                f"{too_long:,} histories are longer than the {self._longest:,} items SimpleX reads; RecBole chose which "
                "at random and did not save the choice, so its scores cannot be computed",
                fix="give data without those users, or train with a history_len no user exceeds",
            )
        user = self._user[cases.users]
        share = self._own_share
        return _unit(share * user + (1 - share) * (self._history(cases, user) @ self._map.T))

    def _history(self, cases: Cases, user: FloatArray) -> FloatArray:
        rows = profiles(cases, self.n_items)
        case = np.repeat(np.arange(len(cases)), np.diff(rows.indptr))
        if self._aggregator == "user_attention":
            rows.data = np.exp((user[case] * self._keys[rows.indices]).sum(axis=1))
        elif self._aggregator == "self_attention":
            rows.data = np.exp(self._keys @ self._query)[rows.indices]
        weight = rows.sum(axis=1, dtype=np.float32) + _GUARD
        return (rows @ self._item) / weight[:, None]


def _unit(x: FloatArray) -> FloatArray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), _SMALLEST_NORM)
