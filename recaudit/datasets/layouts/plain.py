"""Tables under plain names, and a lone table of interactions."""

from __future__ import annotations

from pathlib import PurePath

from recaudit.datasets.layouts.base import Layout
from recaudit.datasets.source import DataFolder
from recaudit.datasets.tables import TableSpec
from recaudit.errors import InputRefused
from recaudit.text import printable

_SUFFIXES = (".parquet", ".pq", ".csv", ".tsv", ".txt")


def plain(folder: DataFolder) -> Layout | None:
    """``interactions``, ``items``, ``users`` and ``taggings`` or ``tags``, as parquet or text."""
    interactions = _table(folder, "interactions")
    if interactions is None:
        return None
    return Layout(
        "plain",
        (interactions,),
        items=_table(folder, "items"),
        users=_table(folder, "users"),
        tags=_table(folder, "taggings") or _table(folder, "tags"),
    )


def table(folder: DataFolder) -> Layout | None:
    """The only table of the folder holds the interactions."""
    # A .txt among others is a README.
    tables = [name for name in folder.files if PurePath(name).suffix.lower() in _SUFFIXES[:-1]]
    alone = list(folder.files) if len(folder.files) == 1 else tables
    return Layout("table", (TableSpec(alone[0]),)) if len(alone) == 1 else None


def _table(folder: DataFolder, stem: str) -> TableSpec | None:
    found = [stem + suffix for suffix in _SUFFIXES if stem + suffix in folder.files]
    if len(found) > 1:
        raise InputRefused(
            f"{printable(folder.name, 60)}: {' and '.join(found)} could both be the {stem}",
            fix="keep one of them in the folder",
        )
    return TableSpec(found[0]) if found else None
