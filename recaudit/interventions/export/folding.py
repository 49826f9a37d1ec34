"""Which tensors of a model say the same as an intervention on its vectors.

=====================================  ===========================================================================
the model's vectors are                an intervention folds
=====================================  ===========================================================================
rows of a user table (BPR, MF, ALS,    always: each user's edited vector is written into the user's row, whatever
tables; RecBole's propagated tables)   the edits; items' into theirs
the end of a network over histories    where all edits together are one affine map of every vector, and the network
(SASRec, GRU4Rec, BERT4Rec)            ends in a layer that can take it on: a step into its last bias, a projection
                                       into GRU4Rec's last weight
of items, where the network reads      never: another item vector is another history too
histories with the same table
computed from layer 0 (LightGCN        never: no table of the file holds them
without propagated tables), summed
of features, mixed by an MLP
=====================================  ===========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.reopened import Reopened
from recaudit.errors import UsageError
from recaudit.interventions.edits import Intervention
from recaudit.interventions.steering import Steering
from recaudit.text import printable

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_TABLES = ("dot", "propagated")
"""Families whose vectors are rows of the tensors ``user`` and ``item``."""
_LAST = {
    "bert4rec": ("output_norm.bias", None),
    "gru4rec": ("dense.bias", "dense.weight"),
    "sasrec": ("blocks.{last}.norm2.bias", None),
}
"""Family to the bias that is added last to a vector, and to the weight before it where it is a full matrix."""


class CannotFold(UsageError):
    """The intervention is not a change of the model's own numbers; the message says why."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"this cannot be folded into the model's own file: {why}", fix="use --as module or --as tables"
        )


@dataclass(frozen=True)
class Change:
    """An array of the checkpoint, as read, and what it becomes; both of one shape and type."""

    before: NDArray[np.floating]
    after: NDArray[np.floating]


def folded(
    steering: Steering, intervention: Intervention, again: Reopened, item_rows: IntArray
) -> list[Change]:
    """The arrays of the model's file that do what the intervention does.

    Args:
        item_rows: [candidates] row of each item in the model's own table.

    Raises:
        CannotFold: there are none.
    """
    of_users = any(not edit.items for edit in intervention.edits)
    of_items = any(edit.items for edit in intervention.edits)
    found = []
    if again.spec.family in _TABLES:
        if of_users:
            x, edited = steering.users.x, steering.vectors(intervention)
            found.append(_table(again, "user", _user_of_row(again, x, edited), x, edited))
        if of_items:
            catalogue = steering.catalogue(intervention)
            assert catalogue is not None
            item_of_row = np.full(len(again.spec.tensors["item"]), -1)
            item_of_row[item_rows] = np.arange(len(item_rows))
            found.append(_table(again, "item", item_of_row, steering.items.x, catalogue.vectors))
        return found
    if of_items:
        raise CannotFold(
            "the network reads histories with the table of item vectors: users' vectors would change with an item's"
            if again.network.reads == "sequence"
            else f"the file has no table of what is edited ({again.network.site})"
        )
    return _last_layer(steering, intervention, again)


def _table(again: Reopened, side: str, owner: IntArray, x: FloatArray, edited: FloatArray) -> Change:
    """A table with the edited rows; columns that a tool keeps beside the factors stay as they are.

    Args:
        owner: [rows] whose vector each row is, -1 for nobody's.
    """
    moved = (edited != x).any(axis=1)
    rows = np.flatnonzero((owner >= 0) & moved[owner])
    before = _in_file(again, side)
    after = before.copy()
    after[rows, : x.shape[1]] = edited[owner[rows]]
    return Change(before, after)


def _user_of_row(again: Reopened, x: FloatArray, edited: FloatArray) -> IntArray:
    """Whose vector each row of the user table is: an audit keeps vectors, not rows."""
    table = _float32(again.spec.tensors["user"])
    place = {row.tobytes(): number for number, row in enumerate(np.ascontiguousarray(x))}
    first = np.array([place[row.tobytes()] for row in np.ascontiguousarray(x)])
    if not np.array_equal(edited[first], edited):
        raise CannotFold("users with the same vector are to become different")
    owner = np.array([place.get(row.tobytes(), -1) for row in table])
    owner[list(again.spec.padding.get("user", ()))] = -1
    if not np.isin(first, owner).all():
        raise CannotFold("the audit's vectors are not rows of the file's user table")
    return owner


def _in_file(again: Reopened, side: str) -> NDArray[np.floating]:
    """The array of the file whose first columns are a side's table."""
    table = _float32(again.spec.tensors[side])
    held = [
        array
        for array in again.checkpoint.tensors().values()
        if array.ndim == 2
        and array.dtype.kind == "f"
        and len(array) == len(table)
        and array.shape[1] >= table.shape[1]
        and np.array_equal(_float32(array[:, : table.shape[1]]), table)
    ]
    if len(held) != 1:
        raise CannotFold(f"the {side} table is in the file {len(held)} times")
    return held[0]


def _last_layer(steering: Steering, intervention: Intervention, again: Reopened) -> list[Change]:
    site = again.network.site
    if again.spec.family not in _LAST:
        raise CannotFold(f"what is edited ({site}) is computed and no table of the file holds it")
    matrix, step = _affine(steering, intervention)
    names = _LAST[again.spec.family]
    bias_name = names[0].format(last=_blocks(again) - 1)
    bias = again.spec.tensors[bias_name]
    changes = [Change(bias, (matrix @ bias.astype(np.float64) + step).astype(bias.dtype))]
    if not np.array_equal(matrix, np.eye(len(matrix))):
        if names[1] is None:
            raise CannotFold(
                f"{printable(again.spec.architecture)} ends in a layer norm, which can take on a step along a direction but no "
                "projection"
            )
        weight = again.spec.tensors[names[1]]
        changes.append(Change(weight, (matrix @ weight.astype(np.float64)).astype(weight.dtype)))
    return changes


def _affine(
    steering: Steering, intervention: Intervention
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix [dim, dim] and step [dim] with ``x' = matrix x + step``."""
    reference = steering.users.reference
    matrix, step = np.eye(steering.model.dim), np.zeros(steering.model.dim)
    for edit in intervention.edits:
        if edit.direction is None or edit.users is not None:
            raise CannotFold(
                "vectors are computed from histories, and edits of latents or of some users are no affine map of every vector"
            )
        unit, by = reference.directions[edit.direction], edit.by or 0.0
        if edit.op == "project":
            along = np.eye(len(unit)) - by * np.outer(unit, unit)
            matrix, step = along @ matrix, along @ step
        else:
            step = step + by * reference.deviation_along(edit.direction) * unit
    return matrix, step


def _blocks(again: Reopened) -> int:
    return len({name.split(".")[1] for name in again.spec.tensors if name.startswith("blocks.")})


def _float32(array: NDArray[np.floating]) -> FloatArray:
    return np.ascontiguousarray(array, dtype=np.float32)
