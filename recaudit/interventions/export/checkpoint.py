"""A model's own file with an intervention in it: the same container, only the changed numbers exchanged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.reopened import Reopened, histories, read_again
from recaudit.checkpoints import read_checkpoint
from recaudit.checkpoints.patch import NotInPlace, with_array
from recaudit.errors import InputRefused
from recaudit.interventions.edits import Intervention
from recaudit.interventions.export.agreement import apart
from recaudit.interventions.export.folding import CannotFold, Change, folded
from recaudit.interventions.steering import Steering
from recaudit.models.base import Cases
from recaudit.store import Audit, conditions, read
from recaudit.text import printable

FloatArray = NDArray[np.float32]


def patched(
    audit: Audit, steering: Steering, intervention: Intervention, again: Reopened
) -> tuple[bytes, list[Change]]:
    """The new content of the model's file, and what of it changed.

    Raises:
        CannotFold: the model's own numbers cannot say it, or cannot be exchanged where they lie.
    """
    _, item_rows = conditions.item_rows(audit, steering.model)
    changes = folded(steering, intervention, again, item_rows)
    data = again.checkpoint.path.read_bytes()
    for change in changes:
        try:
            data = with_array(data, change.before, change.after)
        except NotInPlace as error:
            raise CannotFold(error.message) from None
    return data, changes


def held_against(
    audit: Audit,
    steering: Steering,
    intervention: Intervention,
    again: Reopened,
    changes: Sequence[Change],
    path: Path,
) -> float:
    """Read a written file as any model is read; how far its scores are from the steered ones (``agreement.apart``).

    Raises:
        InputRefused: it is read as something else, or another tensor of it changed too.
    """
    found = read_again(read_checkpoint(path), steering.model)
    _check_rest(again, found, changes)
    cases = read.cases(audit, steering.model, read.NEWEST_KINDS)
    place = np.searchsorted(steering.bench.field.cases.case_id, cases.case_id)
    x = steering.vectors(intervention)[place]
    catalogue = steering.catalogue(intervention) or steering.bench.field.catalogue
    _, rows = conditions.item_rows(audit, steering.model)
    ours = _represented(audit, steering, found, cases, x)
    return apart((ours, found.network.head.vectors[rows]), (x, catalogue.vectors))


def _represented(
    audit: Audit, steering: Steering, found: Reopened, cases: read.CaseRows, x: FloatArray
) -> FloatArray:
    """Vectors of the newest cases by the written file's network."""
    if found.network.reads == "sequence":
        return found.network.represent(histories(audit, steering.model, cases))
    table = np.ascontiguousarray(found.spec.tensors["user"], dtype=np.float32)
    place = {row.tobytes(): number for number, row in enumerate(table)}
    rows = np.array([place.get(row.tobytes(), -1) for row in np.ascontiguousarray(x)])
    missing = rows < 0
    if missing.any():
        raise InputRefused(
            f"{int(missing.sum()):,} users' vectors are not in the file that was written",
            fix="its numbers are stored less exactly than scores need; use --as module",
        )
    return found.network.represent(Cases(rows, np.empty(0, np.int64), np.zeros(len(rows) + 1, np.int64)))


def _check_rest(again: Reopened, found: Reopened, changes: Sequence[Change]) -> None:
    written = found.checkpoint.tensors()
    for name, before in again.checkpoint.tensors().items():
        wanted = next((change.after for change in changes if change.before is before), before)
        if name not in written or not np.array_equal(
            written[name], wanted, equal_nan=before.dtype.kind in "fc"
        ):
            raise InputRefused(
                f"tensor {printable(name)} of the written file is not what it should be",
                fix="it shares its bytes with an edited one; use --as module",
            )
