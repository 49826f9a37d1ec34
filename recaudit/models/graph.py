"""What models over the bipartite graph of training interactions share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import numpy as np
from scipy import sparse

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import Cases, FloatArray, Graph, Recommender
from recaudit.models.dot import DotProduct
from recaudit.models.shapes import agree, matrix


class Propagated(DotProduct):
    """Two tables after propagation. RecBole keeps them beside the weights once a model was evaluated."""

    site = "user vector after propagation over the training graph"


class GraphModel(Recommender):
    """Layer-0 tables ``user`` [users, d] and ``item`` [items, d], of no use before ``with_graph``."""

    site = Propagated.site
    needs_graph = True

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self.user, self.item = matrix(spec, "user"), matrix(spec, "item")
        agree("the user table is wide", self.user.shape[1], "the item table", self.item.shape[1])
        self.n_users, self.dim = self.user.shape
        self.n_items = len(self.item)

    def with_graph(self, graph: Graph) -> Propagated:
        adjacency = normalised(graph, len(self.user), self.n_items, self._spec.settings["degree_guard"])
        user, item = self.propagate(adjacency)
        return Propagated(replace(self._spec, family="propagated", tensors={"user": user, "item": item}))

    @abstractmethod
    def propagate(self, adjacency: sparse.csr_array) -> tuple[FloatArray, FloatArray]:
        """Both tables after all layers.

        Args:
            adjacency: [users, items], see ``normalised``.
        """

    def represent(self, cases: Cases) -> FloatArray:
        raise RuntimeError("with_graph comes first")


def normalised(graph: Graph, n_users: int, n_items: int, guard: float) -> sparse.csr_array:
    """``D_u^-1/2 R D_i^-1/2`` as float32 [n_users, n_items], R the 0/1 interactions.

    It is the upper right block of the tools' square matrix over users and items, whose other half is its
    transpose.

    Args:
        guard: what the tool adds to a degree before it divides.
    """
    ones = np.ones(len(graph.users), dtype=np.float64)
    edges = sparse.csr_array((ones, (graph.users, graph.items)), shape=(n_users, n_items))
    edges.sum_duplicates()
    edges.data[:] = 1  # an interaction that occurs twice is one edge
    by_user = (edges.sum(axis=1) + guard) ** -0.5
    by_item = (edges.sum(axis=0) + guard) ** -0.5
    scaled = sparse.diags_array(by_user) @ edges @ sparse.diags_array(by_item)
    return sparse.csr_array(scaled).astype(np.float32)


def step(adjacency: sparse.csr_array, user: FloatArray, item: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One step along the edges: what the neighbours of each user and each item add up to."""
    return adjacency @ item, adjacency.T @ user
