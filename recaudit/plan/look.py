"""What somebody's files are, as far as they say, so that an audit of them can be declared. Nothing in them is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.sae_folder import weights_in
from recaudit.checkpoints.spec import ModelSpec, SaeSpec
from recaudit.checkpoints.types import Checkpoint
from recaudit.datasets import IdMap, read_dataset, read_id_map, summary
from recaudit.datasets.types import Dataset
from recaudit.errors import InputRefused, RecauditError, UsageError
from recaudit.ingest.binding import bind
from recaudit.models import Recommender, build
from recaudit.text import printable

T = TypeVar("T")
ROLES = {
    "checkpoint": "the trained recommender",
    "data": "the data",
    "ids": "the table that says which row is who",
    "sae": "the sparse autoencoder",
}
"""What a file can be to an audit, by its key in [model]."""

_TABLES = (".csv", ".tsv", ".txt", ".dat", ".data", ".inter", ".parquet", ".pq")
_ID_MAPS = (".csv", ".tsv", ".txt", ".json", ".parquet", ".pq")
_COUNTS = ("heads", "history_length", "layers", "k")
"""Hints that are a number: with a stand-in for one, reading goes on to what else is not said."""


@dataclass(frozen=True)
class Unknown:
    """A key that the files do not fill, and why."""

    key: str
    why: str


@dataclass
class Seen:
    """What the files are.

    Attributes:
        files: role to file, for the roles in ``ROLES`` that one of the files has.
        about: role to what was recognised, in words.
        name: of the model, as its tool calls the architecture.
        sae_inside: the checkpoint holds a sparse autoencoder.
        n_conditions: that the model takes beside a user's history.
        concepts: the data names something of items (genres, tags, categories).
        layout: of the data.
    """

    files: dict[str, Path] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    name: str | None = None
    tool: str | None = None
    sae_inside: bool = False
    n_conditions: int = 0
    concepts: bool = False
    layout: str | None = None


def look(paths: Sequence[Path], progress: Callable[[str], None] = lambda stage: None) -> Seen:
    """Recognise each file, then hold them against each other as an ingestion would.

    Raises:
        UsageError: no such file, or two of the same role.
        InputRefused: a file is unsafe or damaged, or nothing that an audit is made of.
    """
    seen = Seen()
    checkpoint, ids = None, None
    for path in paths:
        progress(f"looking at {printable(path.name, 60)}")
        role, opened = _recognised(path)
        if role in seen.files:
            both = f"{printable(seen.files[role])} and {printable(path)}"
            raise UsageError(f"{both} could both be {ROLES[role]}", fix="name one of them")
        seen.files[role] = path
        checkpoint = opened if role == "checkpoint" else checkpoint
        ids = opened if isinstance(opened, IdMap) else ids
    model = spec = None
    if isinstance(checkpoint, Checkpoint):
        spec, model = _look_at_model(seen, checkpoint)
    if "sae" in seen.files:
        _look_at_sae(seen, seen.files["sae"])
    if "ids" in seen.files and ids is not None:
        counts = [f"{len(rows):,} {kind}s" for kind, rows in ids.rows.items()]
        seen.about["ids"] = f"which row is who: {', '.join(counts)}"
    if "data" in seen.files:
        progress("reading the data")
        dataset = _look_at_data(seen, seen.files["data"], ids)
        if dataset is not None and spec is not None and model is not None:
            _hold_together(seen, dataset, spec, model, ids)
    seen.unknown += [
        Unknown(role, f"{ROLES[role]}; no such file was named")
        for role in ("checkpoint", "data")
        if role not in seen.files
    ]
    return seen


def _recognised(path: Path) -> tuple[str, Checkpoint | IdMap | None]:
    """The role of a file, and what was read on the way."""
    if not path.exists():
        raise UsageError(f"{printable(path)}: no such file", fix="name files and folders that are there")
    if path.is_dir():
        return ("sae" if weights_in(path) else "data"), None
    suffix = path.suffix.lower()
    if suffix in _ID_MAPS:
        try:
            return "ids", read_id_map(path)
        except InputRefused:
            pass  # most tables are no id maps
    try:
        checkpoint = read_checkpoint(path)
    except InputRefused:
        if suffix in (*_TABLES, ".zip"):
            return "data", None
        raise
    if tools.holds_model(checkpoint):
        return "checkpoint", checkpoint
    if tools.holds_sae(checkpoint):
        return "sae", None
    return ("data", None) if suffix in _TABLES else ("checkpoint", checkpoint)


def _look_at_model(seen: Seen, checkpoint: Checkpoint) -> tuple[ModelSpec | None, Recommender | None]:
    receipt = checkpoint.receipt
    scanned = f"{receipt.format}, {receipt.tensors:,} tensors, scan: {receipt.verdict}"
    if not tools.holds_model(checkpoint):
        shapes = [f"{key} {list(array.shape)}" for key, array in list(checkpoint.tensors().items())[:6]]
        seen.about["checkpoint"] = (
            f"of no known tool; {scanned}; it holds {', '.join(shapes) or 'no tensors'}"
        )
        seen.unknown.append(
            Unknown("map", "which tensor is what: a TOML file as docs/your-own-model.md describes")
        )
        return None, None
    spec = _told(seen, lambda hints: tools.read_model(checkpoint, hints), "checkpoint")
    seen.sae_inside = tools.holds_sae(checkpoint)
    if seen.sae_inside and "sae" not in seen.files:
        _told(seen, lambda hints: tools.read_sae(checkpoint, hints), "sae")
    if spec is None:
        seen.about["checkpoint"] = scanned
        return None, None
    model = build(spec)
    seen.name, seen.tool = spec.architecture, spec.tool
    seen.n_conditions = model.n_conditions
    users = f"{model.n_users:,} users, " if model.n_users is not None else ""
    inside = ", with a sparse autoencoder inside" if seen.sae_inside else ""
    seen.about["checkpoint"] = (
        f"{spec.architecture} ({spec.tool}), {users}{model.n_items:,} items, vectors {model.dim} wide{inside}; {scanned}"
    )
    return spec, model


def _look_at_sae(seen: Seen, path: Path) -> None:
    weights = weights_in(path) if path.is_dir() else path
    assert weights is not None
    checkpoint = read_checkpoint(weights)
    spec: SaeSpec | None = _told(seen, lambda hints: tools.read_sae(checkpoint, hints), "sae")
    if spec is not None:
        kept = f", k {spec.k} ({spec.k_source})" if spec.k is not None and spec.k_source != "--k" else ""
        seen.about["sae"] = (
            f"sparse autoencoder ({spec.tool}), {len(spec.encoder):,} latents, {spec.activation}{kept}"
        )


def _told(seen: Seen, read: Callable[[tools.Hints], T], role: str) -> T | None:
    """What reading gives once every number it asks for has a stand-in; each of those is unknown."""
    stand_ins: dict[str, Any] = {}
    while True:
        try:
            return read(tools.Hints(**stand_ins))
        except InputRefused as error:
            asked = re.search(r"--([a-z][a-z-]*)", error.fix)
            hint = asked[1].replace("-", "_") if asked else ""
            seen.unknown.append(Unknown(asked[1] if asked else role, error.message))
            if hint not in _COUNTS or hint in stand_ins:
                return None
            stand_ins[hint] = 1


def _look_at_data(seen: Seen, path: Path, ids: IdMap | None) -> Dataset | None:
    try:
        dataset = read_dataset(path, ids=ids)
    except (InputRefused, UsageError) as error:
        asked = re.search(r"--([a-z][a-z-]*)", error.fix)
        seen.unknown.append(Unknown(asked[1] if asked else "data", error.message))
        return None
    seen.layout = dataset.layout
    seen.about["data"] = f"{dataset.layout}: {summary(dataset)}, split {dataset.split['name']}"
    seen.concepts = bool(dataset.concepts["kind"].isin(["genre", "tag", "category"]).any())
    return dataset


def _hold_together(
    seen: Seen, dataset: Dataset, spec: ModelSpec, model: Recommender, ids: IdMap | None
) -> None:
    try:
        bind(dataset, spec, model, {} if ids is None else ids.rows)
    except RecauditError as error:
        asked = re.search(r"--([a-z][a-z-]*)", error.fix)
        seen.unknown.append(Unknown(asked[1] if asked else "data", error.message))
