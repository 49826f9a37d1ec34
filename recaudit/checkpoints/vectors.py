"""Numbered columns of a table, put together as the matrix they were."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_NUMBERED = re.compile(r"(.*?)_?(\d{1,6})")
UNNAMED = "vectors"


def fold_vectors(columns: dict[str, Any]) -> dict[str, Any]:
    """Replaces columns ``f0, f1, …`` (or ``0, 1, …``, from 0 or 1 on) by one matrix ``f``.

    A matrix without a name is called ``vectors``; so is a lone run of numbered columns.
    """
    runs = _runs(columns)
    folded = {name: value for name, value in columns.items() if name not in _members(runs)}
    for prefix, names in runs.items():
        key = prefix if prefix and len(runs) > 1 and prefix not in folded else UNNAMED
        folded[key] = np.stack([columns[name] for name in names], axis=1)
    return folded


def _members(runs: dict[str, list[str]]) -> set[str]:
    return {name for names in runs.values() for name in names}


def _runs(columns: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, dict[int, str]] = {}
    for name, column in columns.items():
        match = _NUMBERED.fullmatch(name)
        if match and isinstance(column, np.ndarray) and column.dtype.kind in "fiu":
            found.setdefault(match[1], {})[int(match[2])] = name
    return {
        prefix: [numbers[index] for index in sorted(numbers)]
        for prefix, numbers in found.items()
        if sorted(numbers) in ([*range(len(numbers))], [*range(1, len(numbers) + 1)])
        and (len(numbers) > 1 or not prefix)
    }
