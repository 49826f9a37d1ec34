"""One ingestion from start to end. Nothing is written until everything has been read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.findings import reading_findings
from recaudit.checkpoints import read_checkpoint, tools
from recaudit.checkpoints.sae_folder import weights_in
from recaudit.checkpoints.spec import ModelSpec, SaeSpec
from recaudit.checkpoints.tools.mapping import mapped, read_map
from recaudit.checkpoints.types import Checkpoint, Note, Receipt
from recaudit.datasets import IdMap, ReadOptions, read_dataset, read_id_map, summary
from recaudit.datasets.types import DataNote, Split
from recaudit.errors import InputRefused, UsageError
from recaudit.ingest.binding import NO_ROW, Binding, bind
from recaudit.ingest.cases import (
    CaseTable,
    build_cases,
    model_inputs,
    timeline_of,
    training_graph,
    with_conditions,
    with_training_cases,
)
from recaudit.models import FAMILIES, Recommender, build
from recaudit.models.base import FloatArray
from recaudit.models.heads import restricted
from recaudit.store import Audit, read, write, writing
from recaudit.text import printable

_SPLIT_NAMES = np.array([split.name.lower() for split in Split])
ROW_IDS = "rows"
"""``--ids rows``: the data's ids are the model's row numbers."""


@dataclass(frozen=True)
class IngestRequest:
    """What to ingest, as the command line says it."""

    checkpoint: Path
    data: Path
    db: Path
    name: str | None = None
    sae: Path | None = None
    site: str = "user"
    """Whose vectors the SAE takes apart: ``user``, ``item`` or ``both``."""
    ids: str | None = None
    """A file, or ``rows``."""
    hints: tools.Hints = field(default_factory=tools.Hints)
    tensor_map: Path | None = None
    """TOML that says which tensor is what, for files of no known tool."""
    adapter: str | None = None
    """``module:Class`` of the user's own code, for models that nothing else can run."""
    options: ReadOptions = field(default_factory=ReadOptions)
    conditions: tuple[str, ...] = ()
    """Names of a conditioned model's conditions, in the order of its inputs."""
    vectors: int = 200_000
    """Vectors of a sequence model up to which histories before training interactions are stored too."""
    protocol: str = "history"
    replace: bool = False
    seed: int = 0
    arguments: Mapping[str, object] = field(default_factory=dict)
    """For the ``runs`` table."""


@dataclass(frozen=True)
class Ingested:
    """What an ingestion did, for the command's closing words."""

    name: str
    receipts: tuple[Receipt, ...]
    data_summary: str
    notes: tuple[str, ...]
    n_cases: int
    doubts: tuple[str, ...]
    """What the self-check of the sparse autoencoder found wrong."""


@dataclass(frozen=True)
class _Prepared:
    spec: ModelSpec
    model: Recommender
    sae: SaeSpec | None
    binding: Binding
    cases: CaseTable
    vectors: FloatArray
    offset: FloatArray | None
    receipts: Mapping[str, Receipt]


def ingest(request: IngestRequest, progress: Callable[[str], None] = lambda stage: None) -> Ingested:
    """Read checkpoint, SAE and data; bind, represent, encode; store in one transaction.

    Args:
        progress: told the name of each stage as it begins.

    Raises:
        InputRefused: an input is unsafe, unreadable or contradicts another.
        UsageError: the name is taken, or a flag cannot be.
    """
    prepared = _prepare(request, progress)
    progress("storing")
    with writing(request.db) as audit:
        return _store(audit, request, prepared, progress)


def _prepare(request: IngestRequest, progress: Callable[[str], None]) -> _Prepared:
    progress("scanning the checkpoint")
    checkpoint, spec, model = _opened(request)
    receipts = {"model": checkpoint.receipt, **_other_receipts(request.hints)}
    sae, sae_receipt = _sae_spec(request, checkpoint)
    if sae_receipt is not None:
        receipts["sae"] = sae_receipt
    progress("reading the data")
    id_map, row_ids = _ids(request.ids, spec, model)
    dataset = read_dataset(request.data, options=request.options, ids=id_map)
    binding = bind(dataset, spec, model, row_ids)
    progress("running the model up to its probing site")
    timeline = timeline_of(binding)
    cases = build_cases(timeline, binding, model)
    if not len(cases):
        raise InputRefused(
            f"no user of {printable(request.data)} can be an input of this model",
            fix="give the data this model was trained on",
        )
    if request.conditions:
        cases = with_conditions(cases, _conditioned(model, request.conditions), request.seed)
    if model.reads == "sequence":
        cases = with_training_cases(cases, timeline, request.vectors, request.seed)
    if model.needs_graph:
        graph = training_graph(timeline, binding)
        if not len(graph.users):
            raise InputRefused(
                f"{spec.architecture} propagates over the training interactions, and the training split of "
                f"{printable(request.data)} has none that the model knows",
                fix="give the data it was trained on, with its split (--split given, --split-column)",
            )
        model = model.with_graph(graph)
    inputs = model_inputs(cases, timeline, binding, model)
    vectors, offset = model.represent(inputs), model.offset(inputs)
    finite = np.all(np.isfinite(vectors), axis=1)
    cases = cases.only(finite, "cases whose vector is not finite")
    offset = None if offset is None else offset[finite]
    return _Prepared(spec, model, sae, binding, cases, vectors[finite], offset, receipts)


def _opened(request: IngestRequest) -> tuple[Checkpoint, ModelSpec, Recommender]:
    if request.adapter is not None:
        return _adapted(request.adapter, request.checkpoint)
    checkpoint = read_checkpoint(request.checkpoint)
    if request.tensor_map is not None:
        spec = mapped(checkpoint, read_map(request.tensor_map, FAMILIES))
    else:
        spec = tools.read_model(checkpoint, request.hints)
    return checkpoint, spec, build(spec)


def _adapted(name: str, path: Path) -> tuple[Checkpoint, ModelSpec, Recommender]:
    """The user's own code opens the file, at the user's word; the receipt says so."""
    from recaudit.models.adapter import Adapter

    if not path.is_file():
        raise InputRefused(
            f"{printable(path)}: no such file", fix="name the checkpoint that the adapter opens"
        )
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    said = Note(
        "warning", "adapter", f"{name} was run to open this file, at the user's word; it was not scanned"
    )
    receipt = Receipt(path.name, digest, path.stat().st_size, "adapter", 0, {}, (), (said,))
    spec = ModelSpec(family="adapter", tool="adapter", architecture=name, tensors={})
    return Checkpoint(path, {}, receipt), spec, Adapter(name, path)


def _other_receipts(hints: tools.Hints) -> dict[str, Receipt]:
    """Receipts of the files that a hint names, by the hint's name."""
    named = {name: getattr(hints, name) for name in ("item_features", "user_features", "other_table")}
    return {name: read_checkpoint(path).receipt for name, path in named.items() if path is not None}


def _conditioned(model: Recommender, names: tuple[str, ...]) -> Recommender:
    if len(names) == model.n_conditions:
        return model
    raise InputRefused(
        f"{len(names)} conditions are named but the model takes {model.n_conditions}",
        fix="name them all, in the order of the model's inputs"
        if model.n_conditions
        else "leave out --conditions",
    )


def _sae_spec(request: IngestRequest, checkpoint: Checkpoint) -> tuple[SaeSpec | None, Receipt | None]:
    if request.sae is None:
        return (
            (tools.read_sae(checkpoint, request.hints), None) if tools.holds_sae(checkpoint) else (None, None)
        )
    apart = read_checkpoint(_weights_of(request.sae))
    return tools.read_sae(apart, request.hints), apart.receipt


def _weights_of(path: Path) -> Path:
    """The weights file of an SAE folder; its settings lie beside it."""
    if not path.is_dir():
        return path
    weights = weights_in(path)
    if weights is None:
        raise InputRefused(
            f"{printable(path)}: no SAE weights in this folder", fix="name the weights file itself with --sae"
        )
    return weights


def _ids(
    given: str | None, spec: ModelSpec, model: Recommender
) -> tuple[IdMap | None, dict[str, dict[int, str]]]:
    if given is None:
        return None, {}
    if given == ROW_IDS:
        sizes = {"item": model.n_items, "user": model.n_users or 0}
        return None, {kind: {row: str(row) for row in range(size)} for kind, size in sizes.items()}
    id_map = read_id_map(Path(given))
    return id_map, {kind: dict(rows) for kind, rows in id_map.rows.items()}


def _store(
    audit: Audit, request: IngestRequest, prepared: _Prepared, progress: Callable[[str], None]
) -> Ingested:
    name = request.name or prepared.spec.architecture.lower().replace(" ", "-")
    _make_room(audit, name, replace=request.replace)
    dataset = prepared.binding.dataset
    run = write.Run(
        "ingest",
        request.arguments,
        request.seed,
        [r.sha256 for r in prepared.receipts.values()] + [s.sha256 for s in dataset.sources],
    )
    write.add_run(audit, run)
    notes = (*dataset.notes, *prepared.binding.notes, *prepared.cases.notes)
    data_summary = summary(dataset)
    dataset_id = write.add_dataset(audit, dataset, data_summary, notes, run)
    model, receipt = prepared.model, prepared.receipts["model"]
    model_id = write.add_model(
        audit,
        name=name,
        dataset_id=dataset_id,
        spec=prepared.spec,
        site=model.site,
        dim=model.dim,
        history_length=model.history_length,
        reads=model.reads,
        head=model.head.kind,
        link=model.link,
        receipt=receipt,
        protocol=request.protocol,
        run=run,
    )
    for role, found in prepared.receipts.items():
        write.add_receipt(audit, found, model_id=model_id, role=role, run=run)
    for source in dataset.sources:
        read_as = Receipt(source.name, source.sha256, source.bytes, dataset.layout, 0, {}, (), ())
        write.add_receipt(audit, read_as, model_id=model_id, role="data", run=run)
    _store_vectors(audit, model_id, prepared, request.conditions)
    sae = None
    if prepared.sae is not None:
        progress("encoding with the sparse autoencoder")
        sae_id = _store_sae(audit, model_id, request, prepared, prepared.sae, run)
        sae = next(found for found in read.saes(audit, model_id) if found.sae_id == sae_id)
    doubts = (
        [finding.sentence for finding in reading_findings(sae) if finding.severity != "info"] if sae else []
    )
    return Ingested(
        name,
        tuple(prepared.receipts.values()),
        data_summary,
        tuple(_said(note) for note in notes if note.level != "info"),
        len(prepared.cases),
        (*doubts, *(prepared.sae.notes if prepared.sae else ())),
    )


def _make_room(audit: Audit, name: str, *, replace: bool) -> None:
    taken = [model for model in read.models(audit) if model.name == name]
    if taken and not replace:
        raise UsageError(
            f"the audit already holds a model named {printable(name)}",
            fix="choose another with --name NAME, or write over it with --replace",
        )
    for model in taken:
        write.remove_model(audit, model.model_id)


def _condition_names(cases: CaseTable, names: tuple[str, ...]) -> NDArray[np.object_]:
    """Name of each case's condition, None where it has none."""
    return np.array([*names, None], dtype=object)[cases.condition]


def _store_vectors(audit: Audit, model_id: int, prepared: _Prepared, conditions: tuple[str, ...]) -> None:
    binding, head, cases = prepared.binding, prepared.model.head, prepared.cases
    item_ids = np.flatnonzero(binding.item_row != NO_ROW)
    rows = binding.item_row[item_ids]
    own = restricted(head, rows)
    write.add_model_items(audit, model_id, item_ids, rows, own.vectors, own.bias)
    write.add_head_tensors(audit, model_id, own.tensors)
    case_ids = np.arange(len(cases))
    write.add_cases(
        audit,
        model_id,
        {
            "case_id": case_ids,
            "user_id": cases.user,
            "kind": cases.kind.astype(object),
            "history_end": cases.history_end,
            "condition": _condition_names(cases, conditions),
            "score_offset": np.zeros(len(cases), np.float32) if prepared.offset is None else prepared.offset,
        },
        {
            "target_id": np.arange(len(cases.target_case)),
            "case_id": cases.target_case,
            "item_id": cases.target_item,
            "split": _SPLIT_NAMES[cases.target_split].astype(object),
        },
    )
    write.add_vectors(audit, model_id, "case", case_ids, prepared.vectors)


def _store_sae(
    audit: Audit, model_id: int, request: IngestRequest, prepared: _Prepared, spec: SaeSpec, run: write.Run
) -> int:
    from recaudit.dictionaries.entities import Entities  # torch costs a second: only with an SAE
    from recaudit.dictionaries.storing import add_dictionary

    cases = prepared.cases
    catalogue = read.catalogue(audit, read.model_numbered(audit, model_id))
    entities = Entities.of(np.arange(len(cases)), cases.user, cases.kind, prepared.vectors, catalogue)
    receipt = prepared.receipts.get("sae", prepared.receipts["model"])
    return add_dictionary(
        audit, model_id, entities, spec, name="sae", sha256=receipt.sha256, run=run, seed=request.seed,
        site=request.site,
    )  # fmt: skip


def _said(note: DataNote) -> str:
    where = f" ({printable(note.file)}{f', line {note.line}' if note.line else ''})" if note.file else ""
    return (
        f"{note.count:,} {printable(note.message)}{where}"
        if note.count
        else f"{printable(note.message)}{where}"
    )
