"""Raw ids that a file holds itself, checked and turned round to row -> raw id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable


def in_row_order(raw: Iterable[Any], kind: str, n_rows: int, checkpoint: Checkpoint) -> dict[int, str]:
    """Ids listed in the order of the table's rows (a column, a vocabulary).

    Raises:
        InputRefused: another number of ids than rows, or an id on two rows.
    """
    ids = [str(value) for value in raw]
    if len(ids) != n_rows:
        raise _refused(checkpoint, f"it lists {len(ids):,} {kind} ids for {n_rows:,} {kind} rows")
    return _unique(dict(enumerate(ids)), kind, checkpoint)


def by_raw_id(rows: Any, kind: str, n_rows: int, checkpoint: Checkpoint) -> dict[int, str]:
    """A mapping raw id -> row, as most tools pickle it.

    Raises:
        InputRefused: no such mapping, or a row that the table does not have.
    """
    if not isinstance(rows, Mapping):
        raise _refused(checkpoint, f"its map of {kind} ids is {printable(type(rows).__name__)}, not a dict")
    ids: dict[int, str] = {}
    for raw, row in rows.items():
        if type(row) is not int or not 0 <= row < n_rows:
            raise _refused(
                checkpoint,
                f"{kind} id {printable(raw, 40)} is on row {printable(row, 40)}, but the table has "
                f"{n_rows:,} rows",
            )
        if row in ids:
            raise _refused(
                checkpoint, f"{kind} ids {printable(ids[row], 40)} and {printable(raw, 40)} share row {row:,}"
            )
        ids[row] = str(raw)
    return _unique(ids, kind, checkpoint)


def _unique(ids: dict[int, str], kind: str, checkpoint: Checkpoint) -> dict[int, str]:
    row_of: dict[str, int] = {}
    for row, raw in ids.items():
        if row_of.setdefault(raw, row) != row:
            raise _refused(
                checkpoint, f"{kind} id {printable(raw, 40)} is on rows {row_of[raw]:,} and {row:,}"
            )
    return ids


def _refused(checkpoint: Checkpoint, what: str) -> InputRefused:
    return InputRefused(
        f"{printable(checkpoint.path.name)}: {what}",
        fix="save the model again; its ids and its tables do not belong together",
    )
