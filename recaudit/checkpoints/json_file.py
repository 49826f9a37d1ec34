"""JSON beside a model: settings of any shape, or an id map ``raw id -> row``."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from recaudit.checkpoints.decoding import decode_text
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, short
from recaudit.checkpoints.strict_json import parse_json

_WORD = re.compile(r"[A-Za-z_][\w.-]{2,}")
LARGEST_SETTINGS = 200
FULLEST_GAP = 4
"""An id map may leave this many rows unnamed for every one it names (padding, filtered items)."""


def read_json(data: memoryview, reading: Reading) -> Any:
    reading.format = "json"
    value = parse_json(decode_text(data, reading), "the file")
    if isinstance(value, list):
        _check_list(value)
    elif isinstance(value, dict) and _is_id_map(value):
        _check_map(value, reading)
    return value


def _is_id_map(value: dict[str, Any]) -> bool:
    """Raw ids are rarely words, and rows are rarely anything but integers; settings are both."""
    if not value or any(isinstance(entry, (dict, list)) for entry in value.values()):
        return False
    words = sum(_WORD.fullmatch(key) is not None for key in value)
    return words * 2 < len(value) or len(value) > LARGEST_SETTINGS


def _check_list(values: list[Any]) -> None:
    if any(isinstance(value, (dict, list)) for value in values):
        return
    repeated = [value for value, count in Counter(map(str, values)).items() if count > 1]
    if repeated and all(isinstance(value, (str, int)) for value in values):
        raise Damaged(
            f"the id list names {len(repeated):,} ids more than once: {_some(repeated)}",
            fix="Give every id one place in the list.",
        )


def _check_map(rows: dict[str, Any], reading: Reading) -> None:
    odd = [key for key, row in rows.items() if type(row) is not int or row < 0]
    if odd:
        entries = ", ".join(f"{short(key)}: {short(rows[key])}" for key in odd[:4])
        raise Damaged(
            f"{len(odd):,} entries of the id map have no row number of 0 or more: {entries}",
            fix="Map every raw id to the whole number of its row.",
        )
    counts = Counter(rows.values())
    shared = [key for key, row in rows.items() if counts[row] > 1]
    if shared:
        raise Damaged(
            f"{len(shared):,} ids of the id map share a row: {_some(shared)}",
            fix="Give every id a row of its own.",
        )
    highest = max(rows.values())
    if highest + 1 > len(rows) * (FULLEST_GAP + 1):
        reading.warn("row-gaps", f"the id map names {len(rows):,} rows, but the highest is {highest:,}")


def _some(values: list[str]) -> str:
    return ", ".join(map(short, values[:4])) + (" …" if len(values) > 4 else "")
