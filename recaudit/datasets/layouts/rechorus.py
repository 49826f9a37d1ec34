"""ReChorus, and RecSAE on top of it: ``train.csv``, ``dev.csv``, ``test.csv`` by tabs."""

from __future__ import annotations

from recaudit.datasets.layouts.base import Layout
from recaudit.datasets.source import DataFolder
from recaudit.datasets.tables import TableSpec

_PARTS = {"train.csv": "train", "dev.csv": "valid", "test.csv": "test"}


def rechorus(folder: DataFolder) -> Layout | None:
    """The ids are row numbers of the model. Timelines are train, dev and test end to end, sorted by time."""
    parts = [TableSpec(file, split=split) for file, split in _PARTS.items() if file in folder.files]
    if len(parts) < 2 or parts[0].split != "train":
        return None
    # item_meta_all_info.csv has titles and is preferred to item_meta.csv, which has none.
    metas = sorted((name for name in folder.files if name.startswith("item_meta")), key=len, reverse=True)
    return Layout(
        "rechorus",
        tuple(parts),
        items=TableSpec(metas[0]) if metas else None,
        ids_are_rows=True,
    )
