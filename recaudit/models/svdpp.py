"""SVD++ (Koren 2008): a user's vector gains from every item the user rated, whatever the rating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.errors import InputRefused
from recaudit.models.base import FloatArray
from recaudit.models.dot import DotProduct
from recaudit.models.shapes import matrix


class SVDpp(DotProduct):
    """``x(u) = user[u] + Σ implicit[j] / √n`` over the ``n`` items ``j`` that the user rated in training.

    Tensors: those of ``DotProduct``, ``implicit`` [items, d], ``rated`` (item rows of all users end to end)
    and ``rated_offsets`` [users + 1].
    """

    site = "user vector with implicit feedback"

    def __init__(self, spec: ModelSpec) -> None:
        user = matrix(spec, "user") + _implicit_part(spec)
        super().__init__(replace(spec, tensors={**spec.tensors, "user": user}))


def _implicit_part(spec: ModelSpec) -> FloatArray:
    user, implicit = matrix(spec, "user"), matrix(spec, "implicit")
    rated, offsets = spec.tensors["rated"], spec.tensors["rated_offsets"]
    if implicit.shape[1] != user.shape[1]:
        raise InputRefused(
            f"the user table is {user.shape[1]} wide and the implicit item factors {implicit.shape[1]}",
            fix="save the model again; its tables do not belong together",
        )
    if rated.size and not 0 <= rated.min() <= rated.max() < len(implicit):
        raise InputRefused(
            f"its training set rates item row {rated.max():,}, but there are {len(implicit):,} items",
            fix="save the model again; its training set and its tables do not belong together",
        )
    counts = np.diff(offsets)
    total = np.zeros_like(user)
    np.add.at(total, np.repeat(np.arange(len(user)), counts), implicit[rated])
    total /= np.sqrt(np.maximum(counts, 1)).astype(np.float32)[:, None]
    return total
