"""RecBole's atomic files: ``NAME.inter``, ``.item``, ``.user`` with typed headers."""

from __future__ import annotations

from recaudit.datasets.layouts.base import Layout
from recaudit.datasets.source import DataFolder
from recaudit.datasets.tables import TableSpec
from recaudit.errors import InputRefused
from recaudit.text import printable

_PARTS = ("train", "valid", "test")
"""``NAME.train.inter`` and so on: RecBole's benchmark files, split by their maker."""


def recbole(folder: DataFolder) -> Layout | None:
    """Tab-separated, never quoted; sequences are separated by blanks."""
    names = sorted({_data_set(file) for file in folder.files if file.endswith(".inter")})
    if not names:
        return None
    if len(names) > 1:
        raise InputRefused(
            f"several RecBole data sets in one folder: {', '.join(printable(name, 40) for name in names)}",
            fix="give a folder with the files of one of them",
        )
    name = names[0]

    def table(file: str, split: str | None = None) -> TableSpec | None:
        if file not in folder.files:
            return None
        return TableSpec(file, delimiter="\t", quoted=False, list_separator=" ", split=split)

    parts = [table(f"{name}.inter"), *(table(f"{name}.{part}.inter", part) for part in _PARTS)]
    return Layout(
        "recbole",
        tuple(part for part in parts if part is not None),
        items=table(f"{name}.item"),
        users=table(f"{name}.user"),
    )


def _data_set(file: str) -> str:
    stem = file.removesuffix(".inter")
    name, _, part = stem.rpartition(".")
    return name if part in _PARTS else stem
