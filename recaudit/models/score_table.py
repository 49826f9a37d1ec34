"""A finished matrix of scores, users × items (what rectorch saves of EASE, Steck 2019)."""

from __future__ import annotations

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead
from recaudit.models.shapes import matrix


class ScoreTable(Recommender):
    """A user's vector is the user's row of scores; the head passes it on.

    Tensors: ``scores`` [users, items]. The head is an identity matrix, items × items: training EASE inverted
    one of that size, so whoever has such a file can hold it.
    """

    site = "row of the score matrix"

    def __init__(self, spec: ModelSpec) -> None:
        self._scores = matrix(spec, "scores")
        self.n_users, self.n_items = self._scores.shape
        self.dim = self.n_items
        self.head = DotHead(np.eye(self.n_items, dtype=np.float32))

    def represent(self, cases: Cases) -> FloatArray:
        return self._scores[cases.users]
