"""Which row of the model stands for which user and item of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.checkpoints.spec import ModelSpec
from recaudit.datasets.types import DataNote, Dataset
from recaudit.errors import InputRefused
from recaudit.models.base import Recommender
from recaudit.text import printable

IntArray = NDArray[np.int64]
NO_ROW = -1
_LEAST_SHARE_KNOWN = 0.5
"""Below this share of common ids, data and map belong to different catalogues."""


@dataclass(frozen=True)
class Binding:
    """Dense index to model row, -1 where the model has none; ``dataset`` may have gained items."""

    dataset: Dataset
    item_row: IntArray
    user_row: IntArray
    notes: tuple[DataNote, ...]


def bind(
    dataset: Dataset, spec: ModelSpec, model: Recommender, ids: Mapping[str, Mapping[int, str]]
) -> Binding:
    """Match data and model by raw id.

    Args:
        ids: row to raw id by kind, from ``--ids``; wins over what the checkpoint itself holds.

    Raises:
        InputRefused: no map where one is needed, a map of another model, or data of another catalogue.
    """
    item_ids = _row_ids("item", ids, spec, dataset, model.n_items)
    _check_common("item", item_ids, dataset.items)
    dataset, added = _with_model_only_items(dataset, item_ids)
    user_row = np.full(len(dataset.users), NO_ROW, dtype=np.int64)
    if model.n_users is not None:
        user_ids = _row_ids("user", ids, spec, dataset, model.n_users)
        _check_common("user", user_ids, dataset.users)
        user_row = _rows_of(dataset.users, user_ids)
    item_row = _rows_of(dataset.items, item_ids)
    if not model.needs_graph:
        item_row = _without_broken_rows(item_row, model)
    notes = [*_unknown_notes("items", item_row), *([added] if added else [])]
    unnamed = model.n_items - len(item_ids) - len(spec.padding.get("item", ()))
    if unnamed > 0:
        # LightFM's rows are features where it was trained with them, and its file does not say so.
        notes.append(
            DataNote("warning", "item rows of the model that no id names; nobody is shown them", unnamed)
        )
    if model.n_users is not None:
        notes += _unknown_notes("users", user_row)
    return Binding(dataset, item_row, user_row, tuple(notes))


def _row_ids(
    kind: str, ids: Mapping[str, Mapping[int, str]], spec: ModelSpec, dataset: Dataset, n_rows: int
) -> dict[int, str]:
    padding = set(spec.padding.get(kind, ()))
    if kind in ids:
        return _checked_map(kind, ids[kind], n_rows, padding)
    if kind in spec.raw_ids:
        return {row: raw for row, raw in spec.raw_ids[kind].items() if row not in padding}
    if spec.rows_are_ids and dataset.layout == "rechorus":
        return _numbered(kind, dataset, n_rows, padding)
    raise InputRefused(
        f"the checkpoint does not say which {kind} each of its {n_rows:,} {kind} rows is",
        fix=f"give the map with --ids FILE (a table kind, row, raw_id), or --ids rows if the data's {kind} "
        "ids are the row numbers",
    )


def _checked_map(kind: str, mapping: Mapping[int, str], n_rows: int, padding: set[int]) -> dict[int, str]:
    outside = [row for row in mapping if not 0 <= row < n_rows]
    if outside:
        raise InputRefused(
            f"the id map names {kind} row {outside[0]:,} ({len(outside):,} such rows) but the model's {kind} "
            f"table has {n_rows:,} rows",
            fix="give the map of this model; rows count from 0",
        )
    return {row: raw for row, raw in mapping.items() if row not in padding}


def _numbered(kind: str, dataset: Dataset, n_rows: int, padding: set[int]) -> dict[int, str]:
    table = dataset.items if kind == "item" else dataset.users
    numbers = pd.to_numeric(table["raw_id"], errors="coerce")
    largest = numbers.max()
    if numbers.isna().any() or largest >= n_rows:
        worst = table["raw_id"][numbers.isna() | (numbers >= n_rows)].iloc[0]
        raise InputRefused(
            f"the data has {kind} id {printable(worst)} but the model's {kind} table has {n_rows:,} rows",
            fix="give the data this model was trained on",
        )
    return {row: str(row) for row in range(n_rows) if row not in padding}


def _check_common(kind: str, row_ids: Mapping[int, str], table: pd.DataFrame) -> None:
    known = set(table["raw_id"])
    unknown = [raw for raw in row_ids.values() if raw not in known]
    if len(unknown) > (1 - _LEAST_SHARE_KNOWN) * max(len(row_ids), 1):
        shown = ", ".join(printable(raw, 24) for raw in unknown[:3])
        raise InputRefused(
            f"{len(unknown):,} of the {len(row_ids):,} {kind}s of the id map are not in the data (first: {shown}): "
            "they belong to different catalogues",
            fix="give the data set and the id map of this model",
        )


def _with_model_only_items(dataset: Dataset, row_ids: Mapping[int, str]) -> tuple[Dataset, DataNote | None]:
    """Items the model can score but the data does not list are candidates all the same."""
    known = set(dataset.items["raw_id"])
    missing = [raw for raw in row_ids.values() if raw not in known]
    if not missing:
        return dataset, None
    items = pd.concat([dataset.items, pd.DataFrame({"raw_id": missing})], ignore_index=True)
    note = DataNote(
        "warning", "items of the model that the data does not list; they stay candidates", len(missing)
    )
    return replace(dataset, items=items), note


def _rows_of(table: pd.DataFrame, row_ids: Mapping[int, str]) -> IntArray:
    row_of = {raw: row for row, raw in row_ids.items()}
    return np.array([row_of.get(raw, NO_ROW) for raw in table["raw_id"]], dtype=np.int64)


def _without_broken_rows(item_row: IntArray, model: Recommender) -> IntArray:
    finite = np.all(np.isfinite(model.head.vectors), axis=1)
    if model.head.bias is not None:
        finite &= np.isfinite(model.head.bias)
    return np.where((item_row >= 0) & finite[item_row], item_row, NO_ROW)


def _unknown_notes(kind: str, rows: IntArray) -> list[DataNote]:
    unknown = int((rows == NO_ROW).sum())
    return (
        [DataNote("dropped", f"{kind} of the data that the model has no usable row for", unknown)]
        if unknown
        else []
    )
