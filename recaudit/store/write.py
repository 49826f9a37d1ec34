"""Writers: one function per thing stored. All take an open ``Audit`` inside its transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit import __version__
from recaudit.checkpoints.spec import ModelSpec, SaeSpec
from recaudit.checkpoints.types import Receipt
from recaudit.datasets.types import DataNote, Dataset, Split
from recaudit.store.audit import Audit

_SPLIT_NAMES = np.array([split.name.lower() for split in Split])


@dataclass(frozen=True)
class Run:
    """The command that is writing."""

    command: str
    arguments: Mapping[str, Any]
    seed: int
    inputs: Sequence[str] = ()
    """sha256 of each input file."""

    @property
    def run_id(self) -> str:
        """The same command on the same inputs with the same version and seed has the same id."""
        identity = [self.command, self.arguments, self.seed, sorted(self.inputs), __version__]
        return hashlib.sha256(_json(identity).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Metric:
    """A number with everything it needs to be trusted; see ``docs/metrics.md`` for the names."""

    metric: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    unit: str = "users"
    better: str = "none"
    slice: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Finding:
    """A sentence for people. ``evidence`` is SQL that lists what it rests on."""

    code: str
    severity: str
    sentence: str
    evidence: str


def add_run(audit: Audit, run: Run) -> None:
    """Record the run; running the same again replaces its row."""
    audit.connection.execute(
        "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)",
        [
            run.run_id,
            run.command,
            _json(run.arguments),
            __version__,
            run.seed,
            datetime.now(UTC).replace(tzinfo=None),
        ],
    )


def add_dataset(audit: Audit, dataset: Dataset, summary: str, notes: Iterable[DataNote], run: Run) -> int:
    """Store a dataset; returns its id."""
    dataset_id = _next_id(audit, "datasets", "dataset_id")
    audit.connection.execute(
        "INSERT INTO datasets VALUES (?, ?, ?, ?, ?, ?)",
        [dataset_id, dataset.name, dataset.layout, _json(dataset.split), summary, run.run_id],
    )
    for note in notes:
        audit.connection.execute(
            "INSERT INTO data_notes VALUES (?, ?, ?, ?, ?, ?)",
            [dataset_id, note.level, note.message, note.count, note.file, note.line],
        )
    rows = dataset.interactions
    popularity = np.bincount(rows.item[rows.split == Split.TRAIN], minlength=len(dataset.items))
    items = dataset.items
    frames = {
        "users": {
            "user_id": np.arange(len(dataset.users)),
            "raw_id": dataset.users["raw_id"].to_numpy(object),
        },
        "items": {
            "item_id": np.arange(len(items)),
            "raw_id": items["raw_id"].to_numpy(object),
            "title": _text_column(items, "title"),
            "year": pd.array(items["year"] if "year" in items else [None] * len(items), dtype="Int32"),
            "train_count": popularity,
        },
        "interactions": {
            "user_id": rows.user,
            "item_id": rows.item,
            "rating": _nullable(rows.rating),
            "timestamp": _nullable_time(rows.timestamp, len(rows)),
            "position": rows.position,
            "split": pd.Categorical.from_codes(rows.split.astype(np.int64), _SPLIT_NAMES.tolist()),
        },
        "concepts": {
            "concept_id": dataset.concepts["concept"].to_numpy(),
            "kind": dataset.concepts["kind"].to_numpy(object),
            "name": dataset.concepts["name"].to_numpy(object),
            "n_items": dataset.concepts["n_items"].to_numpy(),
        },
        "item_concepts": {
            "item_id": dataset.item_concepts["item"].to_numpy(),
            "concept_id": dataset.item_concepts["concept"].to_numpy(),
        },
        "user_groups": {
            "user_id": dataset.user_groups["user"].to_numpy(),
            "attribute": dataset.user_groups["attribute"].to_numpy(object),
            "value": dataset.user_groups["value"].to_numpy(object),
        },
    }
    for table, columns in frames.items():
        given = {name: column for name, column in columns.items() if column is not None}
        audit.append(table, pd.DataFrame({"dataset_id": dataset_id, **given}))
    return dataset_id


def add_model(
    audit: Audit,
    *,
    name: str,
    dataset_id: int,
    spec: ModelSpec,
    site: str,
    dim: int,
    history_length: int | None,
    reads: str,
    head: str,
    link: str,
    receipt: Receipt,
    protocol: str,
    run: Run,
) -> int:
    """Store a recommender's description; returns its id."""
    model_id = _next_id(audit, "models", "model_id")
    audit.connection.execute(
        f"INSERT INTO models VALUES ({_marks(18)})",
        [
            model_id,
            name,
            dataset_id,
            spec.tool,
            spec.architecture,
            spec.family,
            site,
            dim,
            history_length,
            reads,
            head,
            link,
            _json(spec.settings),
            _json(spec.unused),
            receipt.file,
            receipt.sha256,
            protocol,
            run.run_id,
        ],
    )
    return model_id


def add_receipt(audit: Audit, receipt: Receipt, *, model_id: int, role: str, run: Run) -> None:
    """Store what the scan of one input file found."""
    audit.connection.execute(
        f"INSERT INTO receipts VALUES ({_marks(10)})",
        [
            run.run_id,
            model_id,
            role,
            receipt.file,
            receipt.sha256,
            receipt.bytes,
            receipt.format,
            receipt.verdict,
            _json(receipt.stubs),
            _json([asdict(note) for note in receipt.notes]),
        ],
    )


def add_model_items(
    audit: Audit,
    model_id: int,
    item_ids: NDArray[np.integer],
    rows: NDArray[np.integer],
    vectors: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
) -> None:
    """Store the candidates of every ranking: their rows, vectors and biases."""
    biases = np.zeros(len(item_ids), np.float32) if bias is None else bias
    frame = pd.DataFrame({"model_id": model_id, "item_id": item_ids, "row": rows, "bias": biases})
    audit.append("model_items", frame)
    add_vectors(audit, model_id, "item", item_ids, vectors)


def add_head_tensors(audit: Audit, model_id: int, tensors: Mapping[str, NDArray[np.float32]]) -> None:
    """Store a head's weights beyond one row per item."""
    for name, tensor in tensors.items():
        audit.connection.execute(
            "INSERT INTO head_tensors VALUES (?, ?, ?, ?)",
            [model_id, name, list(tensor.shape), tensor.astype(np.float64).ravel().tolist()],
        )


def add_cases(
    audit: Audit, model_id: int, columns: Mapping[str, NDArray[Any]], targets: Mapping[str, NDArray[Any]]
) -> None:
    """Store cases (``case_id, user_id, kind, history_end, score_offset``) and their targets."""
    audit.append("cases", pd.DataFrame({"model_id": model_id, **columns}))
    audit.append("targets", pd.DataFrame({"model_id": model_id, **targets}))


def add_vectors(
    audit: Audit,
    model_id: int,
    kind: str,
    entity_ids: NDArray[np.integer],
    vectors: NDArray[np.float32],
    *,
    sae_id: int | None = None,
    bias: NDArray[np.float32] | None = None,
) -> None:
    """Store vectors [n, dim] of one kind; see the ``vectors_*`` tables."""
    dim = vectors.shape[1]
    table = audit.ensure_vectors(dim)
    frame = pd.DataFrame(vectors, columns=[f"c{i}" for i in range(dim)])
    frame["entity_id"] = entity_ids
    frame["bias"] = np.full(len(vectors), np.nan, np.float32) if bias is None else bias
    cells = ", ".join(f"c{i}" for i in range(dim))
    audit.connection.register("_vectors", frame)
    try:
        audit.connection.execute(
            f"INSERT INTO {table} SELECT ?, ?, ?, entity_id, array_value({cells}), "
            "CASE WHEN isnan(bias) THEN NULL ELSE bias END FROM _vectors",
            [model_id, sae_id, kind],
        )
    finally:
        audit.connection.unregister("_vectors")


def add_sae(
    audit: Audit,
    *,
    model_id: int,
    name: str,
    spec: SaeSpec,
    sha256: str,
    self_check: Mapping[str, Any],
    run: Run,
    site: str = "user",
    role: str = "sae",
    control_of: int | None = None,
    training: Mapping[str, Any] | None = None,
) -> int:
    """Store a dictionary with its weights; returns its id."""
    sae_id = _next_id(audit, "saes", "sae_id")
    n_latents, dim = spec.encoder.shape
    row = {
        "sae_id": sae_id,
        "model_id": model_id,
        "name": name,
        "tool": spec.tool,
        "n_latents": n_latents,
        "dim": dim,
        "activation": spec.activation,
        "k": spec.k,
        "k_source": spec.k_source,
        "pre_bias": spec.pre_bias is not None,
        "centred": spec.centred,
        "encoder_bias": spec.encoder_bias is not None,
        "tied": spec.tied,
        "norm_in": spec.norm_in,
        "threshold": _list(spec.threshold),
        "magnitude_log_scale": _list(spec.magnitude_log_scale),
        "magnitude_bias": _list(spec.magnitude_bias),
        "latent_scale": _list(spec.latent_scale),
        "groups": list(spec.groups),
        "notes": list(spec.notes),
        "sha256": sha256,
        "self_check": _json(self_check),
        "run_id": run.run_id,
        "role": role,
        "control_of": control_of,
        "site": site,
        "training": None if training is None else _json(training),
    }
    audit.connection.execute(
        f"INSERT INTO saes ({', '.join(row)}) VALUES ({_marks(len(row))})", list(row.values())
    )
    latents = np.arange(n_latents)
    add_vectors(audit, model_id, "encoder", latents, spec.encoder, sae_id=sae_id, bias=spec.encoder_bias)
    add_vectors(audit, model_id, "decoder", latents, spec.decoder, sae_id=sae_id)
    if spec.pre_bias is not None:
        add_vectors(audit, model_id, "pre_bias", latents[:1], spec.pre_bias[None], sae_id=sae_id)
    if spec.skip is not None:
        add_vectors(audit, model_id, "skip", np.arange(dim), spec.skip, sae_id=sae_id)
    return sae_id


def add_activations(
    audit: Audit,
    sae_id: int,
    entity_kind: str,
    entity_ids: NDArray[np.integer],
    latents: NDArray[np.integer],
    values: NDArray[np.float32],
) -> None:
    """Store sparse codes, clustered by latent so that one latent is one short read."""
    order = np.lexsort((entity_ids, latents))
    frame = pd.DataFrame({"entity_id": entity_ids[order], "latent": latents[order], "value": values[order]})
    audit.connection.register("_codes", frame)
    try:
        audit.connection.execute(
            "INSERT INTO activations SELECT ?, ?, entity_id, latent, value FROM _codes",
            [sae_id, entity_kind],
        )
    finally:
        audit.connection.unregister("_codes")


def add_latents(
    audit: Audit, sae_id: int, columns: Mapping[str, NDArray[Any]], entity_kind: str = "case"
) -> None:
    """Store per-latent statistics over cases or items."""
    audit.append("latents", pd.DataFrame({"sae_id": sae_id, "entity_kind": entity_kind, **columns}))


def add_training_log(audit: Audit, sae_id: int, looks: Iterable[Mapping[str, Any]]) -> None:
    """Store what was seen of a dictionary during its training, in order of step."""
    frame = pd.DataFrame(list(looks))
    if len(frame):
        audit.append("training_log", frame.assign(sae_id=sae_id))


def replace_ranks(
    audit: Audit,
    model_id: int,
    sae_id: int | None,
    protocol: str,
    target_ids: NDArray[np.integer],
    ranks: NDArray[np.integer],
) -> None:
    """Store the ranks of held-out targets, replacing those of the same protocol."""
    audit.connection.execute(
        "DELETE FROM target_ranks WHERE model_id = ? AND protocol = ? AND sae_id IS NOT DISTINCT FROM ?",
        [model_id, protocol, sae_id],
    )
    frame = pd.DataFrame({"model_id": model_id, "protocol": protocol, "target_id": target_ids, "rank": ranks})
    frame["sae_id"] = pd.array([sae_id] * len(frame), dtype="Int32")
    audit.append("target_ranks", frame)


def replace_recommendations(
    audit: Audit, model_id: int, sae_id: int | None, protocol: str, columns: Mapping[str, NDArray[Any]]
) -> None:
    """Store lists (``case_id, rank, item_id, score``), replacing those of the same protocol."""
    audit.connection.execute(
        "DELETE FROM recommendations WHERE model_id = ? AND protocol = ? AND sae_id IS NOT DISTINCT FROM ?",
        [model_id, protocol, sae_id],
    )
    frame = pd.DataFrame({"model_id": model_id, "protocol": protocol, **columns})
    frame["sae_id"] = pd.array([sae_id] * len(frame), dtype="Int32")
    audit.append("recommendations", frame)


def replace_metrics(
    audit: Audit,
    model_id: int,
    sae_id: int | None,
    metrics: Iterable[Metric],
    *,
    protocol: str,
    seed: int,
    run: Run,
) -> None:
    """Store numbers, replacing those of the same name, slice and protocol. A NaN is no number: left out."""
    for metric in metrics:
        if np.isnan(metric.value):
            continue
        key = [model_id, sae_id, metric.metric, _json(metric.slice or {}), protocol]
        audit.connection.execute(
            "DELETE FROM metrics WHERE model_id = ? AND sae_id IS NOT DISTINCT FROM ? AND metric = ? "
            "AND slice = ? AND protocol = ?",
            key,
        )
        audit.connection.execute(
            f"INSERT INTO metrics VALUES ({_marks(13)})",
            [
                *key[:4],
                metric.value,
                metric.low,
                metric.high,
                metric.n,
                metric.unit,
                metric.better,
                protocol,
                seed,
                run.run_id,
            ],
        )


def replace_findings(
    audit: Audit,
    model_id: int,
    protocol: str,
    findings: Iterable[tuple[int | None, Finding]],
    run: Run,
    sae_id: int | None = None,
) -> None:
    """Store the findings on a model under a protocol, each with its dictionary if it has one.

    Earlier ones on the model and on dictionary ``sae_id`` go.
    """
    audit.connection.execute(
        "DELETE FROM findings WHERE model_id = ? AND protocol = ? AND (sae_id IS NULL OR sae_id = ?)",
        [model_id, protocol, sae_id],
    )
    for sae_id, finding in findings:
        audit.connection.execute(
            f"INSERT INTO findings VALUES ({_marks(8)})",
            [
                model_id,
                sae_id,
                protocol,
                finding.code,
                finding.severity,
                finding.sentence,
                finding.evidence,
                run.run_id,
            ],
        )


def remove_model(audit: Audit, model_id: int) -> None:
    """Delete a model and everything that hangs on it; its dataset too when no other model uses it."""
    (dataset_id,) = audit.rows("SELECT dataset_id FROM models WHERE model_id = ?", [model_id])[0]
    for table in _tables_with(audit, "sae_id", without="model_id"):
        audit.connection.execute(
            f"DELETE FROM {table} WHERE sae_id IN (SELECT sae_id FROM saes WHERE model_id = ?)", [model_id]
        )
    for table in _tables_with(audit, "model_id"):
        audit.connection.execute(f"DELETE FROM {table} WHERE model_id = ?", [model_id])
    if not audit.rows("SELECT 1 FROM models WHERE dataset_id = ?", [dataset_id]):
        for table in _tables_with(audit, "dataset_id"):
            audit.connection.execute(f"DELETE FROM {table} WHERE dataset_id = ?", [dataset_id])


def remove_sae(audit: Audit, sae_id: int) -> None:
    """Delete a dictionary, its controls and everything that hangs on them."""
    (ids,) = audit.rows("SELECT list(sae_id) FROM saes WHERE $1 IN (sae_id, control_of)", [sae_id])[0]
    for table in _tables_with(audit, "sae_id"):
        audit.connection.execute(f"DELETE FROM {table} WHERE list_contains(?, sae_id)", [ids])


def _tables_with(audit: Audit, column: str, without: str = "") -> list[str]:
    """Tables that have one column, and not the other."""
    found = audit.rows(
        "SELECT table_name FROM duckdb_columns() GROUP BY table_name "
        "HAVING list_contains(list(column_name), ?) AND NOT list_contains(list(column_name), ?) ORDER BY ALL",
        [column, without],
    )
    return [table for (table,) in found]


def _next_id(audit: Audit, table: str, column: str) -> int:
    return int(audit.rows(f"SELECT coalesce(max({column}) + 1, 0) FROM {table}")[0][0])


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _list(values: NDArray[np.floating] | None) -> list[float] | None:
    return None if values is None else values.astype(np.float32).tolist()


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def _text_column(frame: pd.DataFrame, name: str) -> NDArray[Any] | None:
    if name not in frame:
        return None
    column = frame[name].astype(object)
    return np.asarray(column.where(column.notna(), None), dtype=object)


def _nullable(values: NDArray[np.float32] | None) -> pd.api.extensions.ExtensionArray | None:
    return None if values is None else pd.arrays.FloatingArray(values.astype(np.float32), np.isnan(values))


def _nullable_time(values: NDArray[np.int64] | None, length: int) -> pd.api.extensions.ExtensionArray | None:
    if values is None:
        return None
    return pd.arrays.IntegerArray(values, values == np.iinfo(np.int64).min)
