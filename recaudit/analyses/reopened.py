"""A stored model's network once more, from the file it was ingested from.

Settings that the file does not say came from flags at ingestion; they are in the audit, and what the network makes of stored
histories is held against the vectors stored, so that nothing is ever told of another model than the one audited.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.types import Checkpoint
from recaudit.datasets.timeline import gathered
from recaudit.errors import InputRefused
from recaudit.models import build
from recaudit.models.base import Cases, Recommender
from recaudit.store import Audit, conditions, read
from recaudit.store.read import CaseRows, Model
from recaudit.text import printable

IntArray = NDArray[np.int64]

_CHECKED = 64
"""Stored vectors that a network must give again."""
_TOLERANCE = 1e-4
"""Of the largest coordinate: another machine's rounding is far below, another head count or length far above."""


@dataclass(frozen=True)
class Reopened:
    """A model's file, what it says, and its network; graph models come without their propagation."""

    checkpoint: Checkpoint
    spec: ModelSpec
    network: Recommender


def reopened(audit: Audit, model: Model, path: Path) -> Reopened:
    """The network of a stored model.

    Args:
        path: the file it was ingested from.

    Raises:
        InputRefused: another file, or one that is read as another model than the audit holds.
    """
    checkpoint = read_checkpoint(path)
    if checkpoint.receipt.sha256 != model.sha256:
        raise InputRefused(
            f"{printable(path.name)}: not the file that model {printable(model.name)} was ingested from",
            fix=f"give {printable(model.checkpoint)} itself",
        )
    found = read_again(checkpoint, model)
    if found.network.reads == "sequence":
        _check_vectors(audit, model, found.network, path)
    return found


def read_again(checkpoint: Checkpoint, model: Model) -> Reopened:
    """The network in a file of the same layout as a stored model's, under the settings the model was ingested with.

    Raises:
        InputRefused: it is read as another model.
    """
    given = {name: model.settings.get(name) for name in ("heads", "history_length", "layers")}
    spec = tools.read_model(checkpoint, tools.Hints(**given))
    if (spec.tool, spec.family) != (model.tool, model.family):
        raise InputRefused(
            f"{printable(checkpoint.path.name)} is read as {spec.architecture} of {spec.tool}, the audit holds "
            f"{printable(model.architecture)} of {printable(model.tool)}",
            fix="models ingested with --tool, --map, --adapter or --other-table cannot be opened again; to export one, use --as module "
            "or --as tables",
        )
    return Reopened(checkpoint, spec, build(spec))


def histories(audit: Audit, model: Model, cases: CaseRows) -> Cases:
    """Stored cases of a sequence model as its network reads them, in its own rows."""
    item_id, row = conditions.item_rows(audit, model)
    timeline = read.timeline(audit, model.dataset_id)
    row_of = np.full(max(int(timeline.item.max(initial=-1)), int(item_id.max(initial=-1))) + 1, -1)
    row_of[item_id] = row
    timeline = timeline.only(row_of[timeline.item] >= 0)
    start, stop = timeline.spans(cases.user, cases.history_end)
    if model.history_length is not None:
        start = np.maximum(start, stop - model.history_length)
    rows, _ = gathered(start, stop)
    offsets = np.concatenate([[0], np.cumsum(stop - start)]).astype(np.int64)
    return Cases(np.full(len(cases), -1), row_of[timeline.item[rows]].astype(np.int64), offsets)


def _check_vectors(audit: Audit, model: Model, network: Recommender, path: Path) -> None:
    cases = read.cases(audit, model, read.NEWEST_KINDS)
    places = np.linspace(0, len(cases) - 1, min(_CHECKED, len(cases))).astype(np.int64)
    some = CaseRows(*(getattr(cases, name)[places] for name in CaseRows.__dataclass_fields__))
    x = network.represent(histories(audit, model, some))
    apart = float(np.abs(x - some.vectors).max(initial=0))
    if not apart <= _TOLERANCE * max(1.0, float(np.abs(some.vectors).max(initial=0))):
        raise InputRefused(
            f"{printable(path.name)}: its network gives other vectors than the audit holds of {printable(model.name)} (apart by "
            f"{apart:.2g})",
            fix="ingest the model again with this version of recaudit (--replace)",
        )
