"""Matrix factorisation: one vector per user, one per item, score by inner product.

Covers BPR, MF, ALS and every tool that ends in two embedding tables (with or without biases).
"""

from __future__ import annotations

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead
from recaudit.models.shapes import agree, matrix, table


class DotProduct(Recommender):
    """``score(u, i) = user[u] · item[i] + item_bias[i] + user_bias[u] + constant``.

    Tensors: ``user`` [users, d], ``item`` [items, d], optional ``user_bias`` [users] and ``item_bias``
    [items]. The setting ``constant`` (a global mean) moves no rank, so it is part of the offset.
    """

    site = "user embedding row"

    def __init__(self, spec: ModelSpec) -> None:
        self.user, item = matrix(spec, "user"), matrix(spec, "item")
        if self.user.shape[1] != item.shape[1]:
            raise InputRefused(
                f"the user table is {self.user.shape[1]} wide and the item table {item.shape[1]}: "
                "no inner product exists",
                fix="check that both tables come from one model",
            )
        self.head = DotHead(item, bias_of(spec, "item", len(item)))
        self.user_offset = _user_offset(spec, len(self.user))
        self.n_users, self.dim = self.user.shape
        self.n_items = len(item)
        self.link = spec.link

    def represent(self, cases: Cases) -> FloatArray:
        return self.user[cases.users]

    def offset(self, cases: Cases) -> FloatArray | None:
        return None if self.user_offset is None else self.user_offset[cases.users]


def bias_of(spec: ModelSpec, kind: str, n_rows: int) -> FloatArray | None:
    """``{kind}_bias`` [n_rows] as float32; None where the model has none."""
    if f"{kind}_bias" not in spec.tensors:
        return None
    bias = table(spec, f"{kind}_bias").reshape(-1)
    agree(f"the {kind} table has rows", n_rows, f"the {kind} biases are", len(bias))
    return bias


def _user_offset(spec: ModelSpec, n_users: int) -> FloatArray | None:
    bias = bias_of(spec, "user", n_users)
    constant = np.float32(spec.settings.get("constant", 0.0))
    if bias is not None:
        return bias + constant
    return np.full(n_users, constant) if constant else None
