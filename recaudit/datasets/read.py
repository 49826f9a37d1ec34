"""From a folder, archive or table to a ``Dataset``."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.datasets import splits
from recaudit.datasets.concepts import build_concepts, year_of
from recaudit.datasets.groups import user_attributes, user_groups
from recaudit.datasets.idmap import IdMap
from recaudit.datasets.indexing import (
    Columns,
    check_split,
    drop_unusable,
    fetch_columns,
    fetch_items,
    fetch_terms,
    fetch_users,
    index_ids,
    mend_times,
)
from recaudit.datasets.layouts import Layout, recognise
from recaudit.datasets.options import ReadOptions
from recaudit.datasets.popularity import popularity_bands
from recaudit.datasets.source import DataFolder, open_source
from recaudit.datasets.staging import Staged, stage
from recaudit.datasets.types import DataNote, Dataset, Interactions, Split
from recaudit.datasets.workspace import Workspace, disk_trouble
from recaudit.errors import UsageError

_NO_TIME = np.iinfo(np.int64).min


def read_dataset(path: Path, *, options: ReadOptions | None = None, ids: IdMap | None = None) -> Dataset:
    """Read users, items, interactions, concepts and groups.

    Args:
        path: folder, zip archive or table.
        ids: row to original id, for layouts whose ids are rows of the model (ReChorus).

    Raises:
        InputRefused: no known layout, or a file that is damaged or contradictory.
        UsageError: an option asks for what the data does not have.
    """
    options = options or ReadOptions()
    with tempfile.TemporaryDirectory(prefix="recaudit-") as scratch:
        folder = open_source(Path(path), Path(scratch))
        layout = recognise(folder, options.layout)
        workspace = Workspace(Path(scratch))
        try:
            with disk_trouble(folder.name):
                dataset = _read(workspace, folder, layout, options)
        finally:
            workspace.close()
    if ids is not None and layout.ids_are_rows:
        return _with_original_ids(dataset, ids)
    return dataset


def _read(workspace: Workspace, folder: DataFolder, layout: Layout, options: ReadOptions) -> Dataset:
    staged = stage(workspace, folder, layout, options)
    mend_times(workspace, staged)
    drop_unusable(workspace, staged, options.min_rating)
    index_ids(workspace, staged)
    split_name = options.split or ("given" if options.split_column or "split" in staged.roles else None)
    if split_name == "given":
        _need_given(staged)
        check_split(workspace, staged)
    columns = fetch_columns(workspace, staged, with_split=split_name == "given")
    interactions, split, split_notes = _divide(columns, split_name, options)
    users, user_notes = user_attributes(
        fetch_users(workspace, len(staged.attributes)), staged.attributes, layout.value_names
    )
    items, concepts, item_concepts, concept_notes = _items(workspace, staged, interactions, options)
    return Dataset(
        name=options.name or folder.name,
        layout=layout.name,
        users=users,
        items=items,
        interactions=interactions,
        concepts=concepts,
        item_concepts=item_concepts,
        user_groups=user_groups(users),
        split=split,
        notes=(
            *staged.notes(),
            *_repeated(interactions, len(items)),
            *split_notes,
            *user_notes,
            *concept_notes,
        ),
        sources=tuple(staged.sources),
    )


def _need_given(staged: Staged) -> None:
    if "split" not in staged.roles:
        raise UsageError(
            "the data carries no split",
            fix="name its column with --split-column, or make a split with --split leave_one_out",
        )


def _divide(
    columns: Columns, name: str | None, options: ReadOptions
) -> tuple[Interactions, dict[str, Any], list[DataNote]]:
    """Positions and split."""
    timed = None if columns.timestamp is None else columns.timestamp != _NO_TIME
    key, known = _order_key(columns, timed)
    position = splits.positions(columns.user, key)
    notes = []
    if name is None and not known.any():
        notes.append(
            DataNote(
                "info", "neither times nor an order are known, so held-out interactions are drawn at random"
            )
        )
    name = name or ("leave_one_out" if known.any() else "random")
    described: dict[str, Any] = {"name": name}
    if name == "given":
        assert columns.split is not None
        labels = columns.split
        if options.split_column:
            described["column"] = options.split_column
    elif name == "leave_one_out":
        _need_order(name, known)
        labels = splits.leave_one_out(columns.user, position, known)
    elif name == "global_time":
        _need_order(name, timed)
        assert columns.timestamp is not None
        assert timed is not None
        labels = splits.global_time(columns.timestamp, timed, options.cut_points)
        described["cut_points"] = list(options.cut_points)
    else:
        labels = splits.random_per_user(columns.user, options.shares, options.seed)
        described |= {"seed": options.seed, "shares": list(options.shares)}
    notes += _unseen_in_train(columns, labels)
    interactions = Interactions(
        columns.user, columns.item, columns.rating, columns.timestamp, position, labels
    )
    return interactions, described, notes


def _order_key(
    columns: Columns, timed: NDArray[np.bool_] | None
) -> tuple[NDArray[Any] | None, NDArray[np.bool_]]:
    """What sorts a user's rows, and for which of them it is known. An order column beats times."""
    if columns.place is not None and not np.isnan(columns.place).all():
        known = ~np.isnan(columns.place)
        return np.where(known, columns.place, -np.inf), known
    if columns.timestamp is not None and timed is not None and timed.any():
        before_all = columns.timestamp[timed].min() - 1
        return np.where(timed, columns.timestamp, before_all), timed
    return None, np.zeros(len(columns.user), dtype=np.bool_)


def _need_order(split: str, known: NDArray[np.bool_] | None) -> None:
    if known is None or not known.any():
        what = "times" if split == "global_time" else "times or an order column"
        raise UsageError(
            f"--split {split} needs {what}, and the data has none",
            fix="use --split random, or name the column with --column timestamp=NAME or --column order=NAME",
        )


def _unseen_in_train(columns: Columns, labels: NDArray[np.int8]) -> list[DataNote]:
    train = labels == Split.TRAIN
    if not train.any():
        return [DataNote("warning", "no interaction is left for training")]
    notes = []
    for kind, index in (("users", columns.user), ("items", columns.item)):
        seen = np.zeros(int(index.max()) + 1, dtype=np.bool_)
        seen[index[train]] = True
        unseen = int((~seen[index]).sum())
        if unseen:
            notes.append(
                DataNote("warning", f"held-out interactions of {kind} never seen in training", unseen)
            )
    return notes


def _repeated(rows: Interactions, n_items: int) -> list[DataNote]:
    pairs = rows.user.astype(np.int64) * n_items + rows.item
    pairs.sort()
    repeats = int((np.diff(pairs) == 0).sum())
    message = "interactions repeat an earlier one of the same user and item; all are kept"
    return [DataNote("warning", message, repeats)] if repeats else []


def _items(
    workspace: Workspace, staged: Staged, rows: Interactions, options: ReadOptions
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, list[DataNote]]:
    items = fetch_items(workspace).astype({"raw_id": object, "title": object})
    items["title"] = items["title"].where(items["title"].notna(), None)
    items["year"] = year_of(items["year"], None if "year" in staged.item_roles else items["title"])
    counts = np.bincount(rows.item[rows.split == Split.TRAIN], minlength=len(items))
    concepts, item_concepts, notes = build_concepts(
        fetch_terms(workspace), items["year"], popularity_bands(counts), options.min_tag_support
    )
    return items, concepts, item_concepts, notes


def _with_original_ids(dataset: Dataset, ids: IdMap) -> Dataset:
    users, items = dataset.users.copy(), dataset.items.copy()
    for kind, table in (("user", users), ("item", items)):
        if kind in ids.rows:
            table["raw_id"] = ids.original(kind, table["raw_id"].tolist())
    return replace(dataset, users=users, items=items)
