"""Vectors of items and nothing else (item2vec, an item table on its own): no user, so no score."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import NoVerdictError
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead
from recaudit.models.shapes import matrix


class ItemVectors(Recommender):
    """Tensor ``item`` [items, d]. What it can answer is which items are alike (``metrics.neighbours``)."""

    site = "item vector"

    def __init__(self, spec: ModelSpec) -> None:
        self.head = DotHead(matrix(spec, "item"))
        self.n_items, self.dim = self.head.vectors.shape

    def represent(self, cases: Cases) -> FloatArray:
        raise NoVerdictError(
            "the checkpoint holds item vectors only: without user vectors nothing can be recommended to "
            "anybody",
            fix="if the users' table is in a file of its own, give it with --other-table FILE; a model that "
            "has no users cannot be audited yet",
        )
