"""Bias columns that tools append to their tables so that one inner product does it all.

The product stays right with them, but norms, cosine neighbours and the vectors an SAE reads do not: they
are split off into biases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

Column = Literal["bias", "one"]
Layout = Mapping[str, tuple[Column, ...]]
"""What the columns after the factors hold, by kind (``user``, ``item``)."""

PLAIN: Layout = {"user": (), "item": ()}
ITEM_BIAS: Layout = {"user": ("one",), "item": ("bias",)}


def split(
    tables: Mapping[str, np.ndarray], factors: int, layout: Layout, checkpoint: Checkpoint
) -> tuple[dict[str, np.ndarray], dict[str, tuple[int, ...]]]:
    """Tensors of the family ``dot``, and the rows of nobody.

    A user or item that was never seen in training has zeros where its column of ones should be; the tool
    cannot tell such rows apart, so they stand for nobody.

    Raises:
        InputRefused: another width than factors and hidden columns together, or a column of ones that
            holds something else.
    """
    tensors, nobody = {}, {}
    for kind, table in tables.items():
        hidden = layout[kind]
        if table.ndim != 2 or table.shape[1] != factors + len(hidden):
            extra = f" and {len(hidden)} hidden columns" if hidden else ""
            raise InputRefused(
                f"{printable(checkpoint.path.name)}: the {kind} table is {list(table.shape)}, but the model "
                f"has {factors} factors{extra}",
                fix="save the model again; its settings and its tables do not belong together",
            )
        tensors[kind] = np.ascontiguousarray(table[:, :factors])
        for place, meaning in enumerate(hidden, start=factors):
            column = table[:, place]
            if meaning == "bias":
                tensors[f"{kind}_bias"] = column
                continue
            empty = ~table.any(axis=1)
            if not np.all((column == 1) | empty):
                raise InputRefused(
                    f"{printable(checkpoint.path.name)}: column {place} of the {kind} table should be all "
                    "ones (the other table's bias goes there), but is not",
                    fix="give the file as the tool wrote it",
                )
            nobody[kind] = tuple(int(row) for row in np.flatnonzero(empty))
    return tensors, {kind: rows for kind, rows in nobody.items() if rows}
