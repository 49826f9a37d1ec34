"""Matrix factorisation: one vector per user, one per item, score by inner product.

Covers BPR, MF, ALS and every tool that ends in two embedding tables (with or without biases).
"""

from __future__ import annotations

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead


class DotProduct(Recommender):
    """``score(u, i) = user[u] · item[i] + item_bias[i] + user_bias[u]``."""

    site = "user embedding row"

    def __init__(self, spec: ModelSpec) -> None:
        self.user = spec.tensors["user"].astype(np.float32, copy=False)
        item = spec.tensors["item"].astype(np.float32, copy=False)
        if self.user.shape[1] != item.shape[1]:
            raise InputRefused(
                f"the user table is {self.user.shape[1]} wide and the item table {item.shape[1]}: "
                "no inner product exists",
                fix="check that both tables come from one model",
            )
        self.head = DotHead(item, _bias(spec, "item_bias"))
        self.user_bias = _bias(spec, "user_bias")
        self.n_users, self.dim = self.user.shape
        self.n_items = len(item)
        self.link = spec.link

    def represent(self, cases: Cases) -> FloatArray:
        return self.user[cases.users]

    def offset(self, cases: Cases) -> FloatArray | None:
        return None if self.user_bias is None else self.user_bias[cases.users]


def _bias(spec: ModelSpec, name: str) -> FloatArray | None:
    bias = spec.tensors.get(name)
    return None if bias is None else bias.astype(np.float32, copy=False).reshape(-1)
