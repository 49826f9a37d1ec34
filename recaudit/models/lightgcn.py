"""LightGCN: embeddings smoothed over the graph of training interactions (He et al. 2020)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recaudit.models.base import FloatArray
from recaudit.models.graph import GraphModel, step


class LightGCN(GraphModel):
    """``E_{k+1} = D^-1/2 A D^-1/2 E_k``; the result is the mean of ``E_0 … E_layers``.

    Settings: ``layers``; ``degree_guard``, see ``graph.normalised``.
    """

    def propagate(self, adjacency: sparse.csr_array) -> tuple[FloatArray, FloatArray]:
        layers = int(self._spec.settings["layers"])
        user, item = self.user, self.item
        user_sum, item_sum = user.copy(), item.copy()
        for _ in range(layers):
            user, item = step(adjacency, user, item)
            user_sum += user
            item_sum += item
        share = np.float32(1 / (layers + 1))
        return user_sum * share, item_sum * share
