"""What the numbers in a checkpoint say about its health, before any analysis."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, short

LARGEST_FLOAT32 = float(np.finfo(np.float32).max)
SHOWN_ROWS = 5
LONGEST_NAME = 200
_CHUNK_ROWS = 1 << 14

_TABLE = re.compile(
    r"(^|[._/])(\w*_)?(embed|embeds|embedding|embeddings|emb)(\.weight)?$"
    r"|(^|[._/])(\w+_)(factors|vectors)$|(^|/)(user|item|users|items|vectors)$"
)
_SIDE = re.compile(r"(?<![a-z])(user|users|item|items|u|i)(?![a-z])")
_SIDES = {"user": "user", "users": "user", "u": "user", "item": "item", "items": "item"}


def _is_table_name(where: str) -> bool:
    # The end of a name decides, and a bounded search cannot be made slow by a long one.
    return _TABLE.search(where[-LONGEST_NAME:]) is not None


def check_numbers(tensors: dict[str, np.ndarray], reading: Reading) -> None:
    """Notes what is wrong with any array, and more about those named like embedding tables."""
    for where, array in tensors.items():
        _check_finite(where, array, reading)
    tables = {where: array for where, array in tensors.items() if _is_table_name(where)}
    for where, array in tables.items():
        _check_table(where, array, reading)
    for users, items in _pairs(tables):
        _check_pair(users, items, tables, reading)


def _check_finite(where: str, array: np.ndarray, reading: Reading) -> None:
    if array.dtype.kind not in "fc" or not array.size:
        return
    rows = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    bad, not_a_number = 0, 0
    bad_rows: list[int] = []
    for start in range(0, len(rows), _CHUNK_ROWS):
        chunk = rows[start : start + _CHUNK_ROWS]
        wrong = ~np.isfinite(chunk)
        if wrong.any():
            bad += int(wrong.sum())
            not_a_number += int(np.isnan(chunk).sum())
            bad_rows += [start + int(row) for row in np.flatnonzero(wrong.any(axis=1))]
    if not bad:
        return
    if bad == array.size and array.ndim == 2 and _is_table_name(where):
        raise Damaged(
            f"the table {short(where)} holds no finite number at all",
            fix="The training diverged; take an earlier checkpoint.",
        )
    reading.warn(
        "non-finite",
        f"{bad:,} of {array.size:,} values are not finite ({not_a_number:,} NaN, "
        f"{bad - not_a_number:,} infinite), in {_rows(bad_rows)}",
        where,
    )


def _rows(rows: list[int]) -> str:
    shown = ", ".join(map(str, rows[:SHOWN_ROWS]))
    more = f" and {len(rows) - SHOWN_ROWS:,} more" if len(rows) > SHOWN_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


def _check_table(where: str, array: np.ndarray, reading: Reading) -> None:
    if array.dtype.kind == "c":
        reading.warn("complex-table", "an embedding table of complex numbers has no dot", where)
    elif array.dtype.kind != "f":
        reading.warn("integer-table", f"an embedding table of type {array.dtype.name}", where)
    if array.ndim != 2:
        shape = "×".join(map(str, array.shape)) or "one number"
        reading.warn("not-a-table", f"an embedding table with {array.ndim} axes ({shape})", where)
    elif not array.size:
        reading.warn("empty-table", f"an embedding table of {len(array)} rows is empty", where)
    elif len(array) > 1 and all(
        np.array_equal(array[:1].repeat(len(part), axis=0), part)
        for part in np.array_split(array, -(-len(array) // _CHUNK_ROWS))
    ):
        zero = " and zero" if not array.any() else ""
        reading.warn(
            "identical-rows", f"all {len(array):,} rows are identical{zero}: a collapsed model", where
        )
    if array.ndim == 2 and array.dtype.kind == "f" and array.size:
        _check_own_products(where, array, reading)


def _check_own_products(where: str, table: np.ndarray, reading: Reading) -> None:
    if _can_overflow(table, table):
        reading.warn(
            "score-overflow",
            "dot products with vectors this large exceed float32, so scores and similarities are not finite",
            where,
        )


def _pairs(tables: dict[str, np.ndarray]) -> Iterator[tuple[str, str]]:
    """Tables whose names differ in the word for user and item only."""
    users: dict[str, str] = {}
    items: dict[str, str] = {}
    for where, array in tables.items():
        match = _SIDE.search(where.lower().replace("_", " "))
        if match and array.ndim == 2 and array.size and array.dtype.kind == "f":
            side = users if _SIDES.get(match[1]) == "user" else items
            side[where[: match.start()] + "*" + where[match.end() :]] = where
    return ((users[stem], items[stem]) for stem in users if stem in items)


def _check_pair(users: str, items: str, tables: dict[str, np.ndarray], reading: Reading) -> None:
    left, right = tables[users], tables[items]
    if left.shape[1] != right.shape[1]:
        reading.warn(
            "width-mismatch",
            f"{short(users)} is {left.shape[1]} wide and {short(items)} is {right.shape[1]}: "
            "they have no dot-product scores",
            items,
        )
        return
    if _can_overflow(left, right):
        reading.warn(
            "score-overflow",
            f"dot products of {short(users)} and {short(items)} can exceed float32, "
            "so some scores are not finite",
            items,
        )


def _can_overflow(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether rows made of each column's largest entries have a dot product beyond float32."""
    with np.errstate(over="ignore"):
        return bool(_largest(left) @ _largest(right) > LARGEST_FLOAT32)


def _largest(table: np.ndarray) -> np.ndarray:
    """The largest finite magnitude of each column."""
    magnitude = np.zeros(table.shape[1])
    for start in range(0, len(table), _CHUNK_ROWS):
        chunk = np.abs(table[start : start + _CHUNK_ROWS].astype(np.float64))
        magnitude = np.maximum(magnitude, np.where(np.isfinite(chunk), chunk, 0).max(axis=0))
    return magnitude
