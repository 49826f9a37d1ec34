"""Deep matrix factorisation: two towers over rows and columns of the interactions (Xue et al. 2017)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from recaudit.checkpoints.spec import ModelSpec
from recaudit.models.base import Cases, FloatArray, Graph, Recommender
from recaudit.models.heads import DotHead
from recaudit.models.profile import profiles, rated_profiles
from recaudit.models.shapes import Linear, agree, matrix, stack


class DMF(Recommender):
    """``tower_u(r_u W_u) · tower_i(r_i W_i)``, ReLU after every layer of a tower.

    r_u are a user's items and r_i an item's users, as 0/1 or ratings. RecBole replaced the paper's cosine by
    the inner product.

    Tensors: ``user_input`` [e, items], ``user.{l}.{weight,bias}``; and either ``item`` [items, d], the other
    tower's finished output, or ``item_input`` [e', users], ``item_tower.{l}.{weight,bias}``, which need the
    graph. Settings: ``values``, ``01`` or ``rating``.
    """

    reads = "set"
    site = "user tower"

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._input, self._tower = matrix(spec, "user_input"), stack(spec, "user")
        self.n_items = self._input.shape[1]
        self.dim = _width(self._input, self._tower, "user_input")
        self._profiles = rated_profiles if spec.settings["values"] == "rating" else profiles
        self.link = spec.link
        self.needs_graph = "item" not in spec.tensors
        if self.needs_graph:
            self._item_input, self._item_tower = matrix(spec, "item_input"), stack(spec, "item_tower")
            self.n_users = self._item_input.shape[1]
            width = _width(self._item_input, self._item_tower, "item_input")
            agree("the user tower gives", self.dim, "the item tower", width)
            return
        self.head = DotHead(matrix(spec, "item"))
        agree("the user tower takes items", self.n_items, "item vectors are", len(self.head.vectors))
        agree("the user tower is wide", self.dim, "item vectors", self.head.vectors.shape[1])

    def with_graph(self, graph: Graph) -> DMF:
        ones = np.ones(len(graph.users), np.float32)
        users_of = sparse.csr_array((ones, (graph.items, graph.users)), shape=(self.n_items, self.n_users))
        users_of.sum_duplicates()
        users_of.data[:] = 1
        item = _through(self._item_tower, users_of @ self._item_input.T)
        return DMF(replace(self._spec, tensors={**self._spec.tensors, "item": item}))

    def represent(self, cases: Cases) -> FloatArray:
        return _through(self._tower, self._profiles(cases, self.n_items) @ self._input.T)


def _width(first: FloatArray, tower: list[Linear], name: str) -> int:
    if not tower:
        return len(first)
    agree(f"{name} gives", len(first), f"{tower[0].name} takes", tower[0].weight.shape[1])
    return len(tower[-1].weight)


def _through(tower: list[Linear], x: FloatArray) -> FloatArray:
    for layer in tower:
        x = np.maximum(layer(x), 0)
    return x
