"""The steered model as two plain tables: for models that score by an inner product, whatever made their vectors.

A snapshot: vectors of users' newest cases, which new histories do not change.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.interventions.edits import Intervention
from recaudit.interventions.export.agreement import apart
from recaudit.interventions.export.folding import CannotFold
from recaudit.interventions.steering import Steering
from recaudit.store import Audit, read

Arrays = dict[str, NDArray[Any]]


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
    """An npz like ``numpy.savez``'s, but without the time in it: the same tables are the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in found.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)


def held_against(found: Arrays, path: Path) -> float:
    """Read the tables as any model is read; how far their scores are from the steered ones (``agreement.apart``)."""
    spec = tools.read_model(read_checkpoint(path), tools.Hints(tool="tables"))
    return apart(
        (spec.tensors["user"], spec.tensors["item"]), (found["user_embeddings"], found["item_embeddings"])
    )
