"""CDAE: an autoencoder over a user's items with a vector for the user beside them (Wu et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead
from recaudit.models.profile import profiles
from recaudit.models.shapes import agree, linear, matrix

ACTIVATIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: (1 / (1 + np.exp(-x))).astype(np.float32),
    "tanh": np.tanh,
}


class CDAE(Recommender):
    """``out(f(hidden(r) + user))``, r the 0/1 profile.

    Tensors: ``user`` [users, d]; ``hidden.{weight,bias}``, items to d; ``out.{weight,bias}``, d to items.
    Settings: ``activation``, f, a key of ``ACTIVATIONS``.
    """

    reads = "set"
    site = "hidden layer"

    def __init__(self, spec: ModelSpec) -> None:
        self._user, self._hidden, out = matrix(spec, "user"), linear(spec, "hidden"), linear(spec, "out")
        self.n_users, self.dim = self._user.shape
        self.n_items = len(out.weight)
        agree("the user table is wide", self.dim, "the hidden layer gives", len(self._hidden.weight))
        agree("the hidden layer takes items", self._hidden.weight.shape[1], "the output gives", self.n_items)
        agree("the user table is wide", self.dim, "the output takes", out.weight.shape[1])
        self.head = DotHead(out.weight, out.bias)
        self.link = spec.link
        self._activation = ACTIVATIONS[spec.settings["activation"]]

    def represent(self, cases: Cases) -> FloatArray:
        rows = profiles(cases, self.n_items) @ self._hidden.weight.T + self._hidden.bias
        return self._activation(rows + self._user[cases.users]).astype(np.float32, copy=False)
