"""The steered model as two plain tables: for models that score by an inner product, whatever made their vectors.

A snapshot: vectors of users' newest cases, which new histories do not change.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.interventions.edits import Intervention
from recaudit.interventions.export.agreement import apart
from recaudit.interventions.export.folding import CannotFold
from recaudit.interventions.steering import Steering
from recaudit.store import Audit, read

Arrays = dict[str, NDArray[Any]]
SIDES = ("user", "item")


def steered(audit: Audit, steering: Steering, intervention: Intervention) -> Arrays:
    """``user_embeddings``, ``item_embeddings``, raw ids of both, and ``item_biases`` where the model has some.

    Raises:
        CannotFold: the model does not score by an inner product.
    """
    if steering.model.head != "dot":
        raise CannotFold(
            f"the model scores through {steering.model.head}, not by an inner product of two tables"
        )
    newest = steering.bench.newest
    catalogue = steering.catalogue(intervention) or steering.bench.field.catalogue
    users = read.raw_users(audit, steering.model.dataset_id)[steering.bench.field.cases.user[newest]]
    items = read.raw_items(audit, steering.model.dataset_id)[0][catalogue.item_id]
    found = {
        "user_embeddings": steering.vectors(intervention)[newest],
        "item_embeddings": catalogue.vectors,
        "user_ids": users.astype(str),
        "item_ids": items.astype(str),
    }
    return found if catalogue.bias is None else {**found, "item_biases": catalogue.bias}


def write(found: Arrays, path: Path) -> None:
    """One npz, or for a path without an ending a folder of ``users.parquet`` and ``items.parquet``.

    Raises:
        CannotFold: parquet, and the model adds a bias to items' scores, which such tables have no place for.
    """
    if path.suffix == ".npz":
        _write_npz(found, path)
        return
    if "item_biases" in found:
        raise CannotFold(
            "the model adds biases to items' scores, which parquet tables have no place for; name an .npz"
        )
    path.mkdir()
    for side in SIDES:
        frame = pd.DataFrame(
            {f"{side}_id": found[f"{side}_ids"], "vector": list(found[f"{side}_embeddings"])}
        )
        with duckdb.connect() as connection:
            connection.register("_frame", frame)
            name = str(path / f"{side}s.parquet").replace("'", "''")
            connection.execute(
                f"COPY (SELECT {side}_id, vector::FLOAT[] AS vector FROM _frame) TO '{name}' (FORMAT parquet)"
            )


def held_against(found: Arrays, path: Path) -> float:
    """Read the tables as any model is read; how far their scores are from the steered ones (``agreement.apart``)."""
    first, hints = path, tools.Hints(tool="tables")
    if path.is_dir():
        first, hints = path / "items.parquet", tools.Hints(tool="tables", other_table=path / "users.parquet")
    spec = tools.read_model(read_checkpoint(first), hints)
    return apart(
        (spec.tensors["user"], spec.tensors["item"]), (found["user_embeddings"], found["item_embeddings"])
    )


def _write_npz(found: Arrays, path: Path) -> None:
    """Like ``numpy.savez``'s, but without the time in it: the same tables are the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in found.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
