"""Small data sets written by the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from recaudit.datasets.types import DataNote, Dataset


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def raw_rows(dataset: Dataset) -> list[tuple[str, str]]:
    """The raw (user, item) pairs in file order."""
    rows = dataset.interactions
    users, items = dataset.users["raw_id"].to_numpy(), dataset.items["raw_id"].to_numpy()
    return list(zip(users[rows.user], items[rows.item], strict=True))


def concepts_of(dataset: Dataset, kind: str) -> dict[str, set[str]]:
    """Raw item id to the names of its concepts of one kind."""
    merged = dataset.item_concepts.merge(dataset.concepts, on="concept")
    found: dict[str, set[str]] = {}
    for item, name in merged.loc[merged["kind"] == kind, ["item", "name"]].itertuples(index=False):
        found.setdefault(dataset.items["raw_id"][item], set()).add(name)
    return found


def notes_about(dataset: Dataset, words: str) -> list[DataNote]:
    return [note for note in dataset.notes if words in note.message]
