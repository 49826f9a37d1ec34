"""Typed queries: what analyses, reports and commands ask of an audit file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.spec import SaeSpec
from recaudit.datasets.timeline import Timeline
from recaudit.datasets.types import Split
from recaudit.errors import NoVerdictError, UsageError
from recaudit.store.audit import Audit
from recaudit.text import printable

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

AUDITED_KINDS = ("user", "profile", "test", "latest")
"""Case kinds that rankings and lists look at; ``valid`` is kept for choosing, never for judging."""

NEWEST_KINDS = ("user", "latest")
"""Case kinds of which every user has exactly one: the pool for concept work."""


@dataclass(frozen=True)
class Model:
    """A row of ``models``."""

    model_id: int
    name: str
    dataset_id: int
    tool: str
    architecture: str
    family: str
    site: str
    dim: int
    history_length: int | None
    reads: str
    head: str
    link: str
    settings: dict[str, Any]
    unused: list[str]
    checkpoint: str
    sha256: str
    protocol: str


@dataclass(frozen=True)
class Sae:
    """A row of ``saes``."""

    sae_id: int
    name: str
    role: str
    control_of: int | None
    site: str
    tool: str
    n_latents: int
    dim: int
    activation: str
    k: int | None
    k_source: str
    pre_bias: bool
    centred: bool
    encoder_bias: bool
    tied: bool
    norm_in: str
    groups: list[int]
    notes: list[str]
    sha256: str
    self_check: dict[str, Any]
    training: dict[str, Any] | None

    @property
    def entity_kinds(self) -> tuple[str, ...]:
        """Whose vectors it encodes: ``case``, ``item`` or both."""
        return {"user": ("case",), "item": ("item",), "both": ("case", "item")}[self.site]


@dataclass(frozen=True)
class CaseRows:
    """Cases of some kinds with their probed vectors [n, dim]."""

    case_id: IntArray
    user: IntArray
    kind: NDArray[Any]
    history_end: IntArray
    vectors: FloatArray

    def __len__(self) -> int:
        return len(self.case_id)


@dataclass(frozen=True)
class TargetRows:
    """Held-out interactions of one split."""

    target_id: IntArray
    case_id: IntArray
    item: IntArray


@dataclass(frozen=True)
class Catalogue:
    """What the model can recommend, in order of item id, and what its head is made of.

    ``vectors`` is [candidates, width]; ``bias`` [candidates] or None where the model has none.
    """

    item_id: IntArray
    head: str
    vectors: FloatArray
    bias: FloatArray | None
    tensors: dict[str, FloatArray]

    def column_of(self, n_items: int) -> IntArray:
        """Dense item id to column, -1 where the model has no row."""
        column = np.full(n_items, -1, dtype=np.int64)
        column[self.item_id] = np.arange(len(self.item_id))
        return column


_MODEL_COLUMNS = (
    "model_id, name, dataset_id, tool, architecture, family, site, dim, history_length, reads, head, link, "
    "settings, unused, "
    "checkpoint, sha256, protocol"
)


def models(audit: Audit) -> list[Model]:
    """All recommenders, in order of ingestion."""
    return [_model(row) for row in audit.rows(f"SELECT {_MODEL_COLUMNS} FROM models ORDER BY model_id")]


def model_named(audit: Audit, name: str | None) -> Model:
    """The model of that name; without a name, the only one there is.

    Raises:
        UsageError: no such model, or several to choose from; lists them.
        NoVerdictError: the audit holds no model.
    """
    known = models(audit)
    if not known:
        raise NoVerdictError(
            f"{printable(audit.path)}: holds no model yet",
            fix="run `recaudit ingest CHECKPOINT --data PATH`",
        )
    chosen = known if name is None else [model for model in known if model.name == name]
    if len(chosen) == 1:
        return chosen[0]
    listed = ", ".join(printable(model.name, 40) for model in known)
    if name is None:
        raise UsageError("the audit holds several models", fix=f"name one of: {listed}")
    raise UsageError(f"no model named {printable(name)}", fix=f"name one of: {listed}")


def model_numbered(audit: Audit, model_id: int) -> Model:
    """The model of that id."""
    return next(model for model in models(audit) if model.model_id == model_id)


def _model(row: tuple[Any, ...]) -> Model:
    named = dict(zip(Model.__dataclass_fields__, row, strict=True))
    named |= {"settings": json.loads(named["settings"]), "unused": json.loads(named["unused"])}
    return Model(**named)


def dictionaries(audit: Audit, model_id: int) -> list[Sae]:
    """The model's sparse autoencoders and their controls, in order of their making."""
    rows = audit.rows(
        f"SELECT {', '.join(Sae.__dataclass_fields__)} FROM saes WHERE model_id = ? ORDER BY sae_id",
        [model_id],
    )
    return [_sae(dict(zip(Sae.__dataclass_fields__, row, strict=True))) for row in rows]


def _sae(named: dict[str, Any]) -> Sae:
    training = named["training"]
    named |= {"self_check": json.loads(named["self_check"])}
    return Sae(**{**named, "training": None if training is None else json.loads(training)})


def saes(audit: Audit, model_id: int) -> list[Sae]:
    """The model's sparse autoencoders, controls left out, in order of their making."""
    return [found for found in dictionaries(audit, model_id) if found.role == "sae"]


def controls(audit: Audit, model_id: int, sae: Sae) -> list[Sae]:
    """The control dictionaries of an autoencoder: ``untrained``, ``neurons``, ``pca``."""
    return [found for found in dictionaries(audit, model_id) if found.control_of == sae.sae_id]


def find_sae(audit: Audit, model: Model, name: str | None = None) -> Sae | None:
    """The model's dictionary of that name (a control too); without a name its newest sparse autoencoder, or None.

    Raises:
        UsageError: no such dictionary; lists them.
    """
    if name is None:
        return next(iter(reversed(saes(audit, model.model_id))), None)
    known = dictionaries(audit, model.model_id)
    for found in known:
        if found.name == name:
            return found
    raise UsageError(
        f"model {printable(model.name)} has no dictionary named {printable(name)}",
        fix=f"name one of: {', '.join(printable(sae.name, 40) for sae in known)}"
        if known
        else _HOW_TO_GET_ONE,
    )


def sae_of(audit: Audit, model: Model, name: str | None = None) -> Sae:
    """``find_sae``, where there must be one.

    Raises:
        NoVerdictError: the model has none.
    """
    found = find_sae(audit, model, name)
    if found is None:
        raise NoVerdictError(
            f"model {printable(model.name)} has no sparse autoencoder in this audit", fix=_HOW_TO_GET_ONE
        )
    return found


_HOW_TO_GET_ONE = "train one with `recaudit train`, or ingest the model again with --sae FILE"


_PER_LATENT = ("threshold", "magnitude_log_scale", "magnitude_bias", "latent_scale")


def sae_spec(audit: Audit, model: Model, sae: Sae) -> SaeSpec:
    """The dictionary as it was read from its file, rebuilt from this audit alone."""
    (row,) = audit.rows(f"SELECT {', '.join(_PER_LATENT)} FROM saes WHERE sae_id = ?", [sae.sae_id])
    per_latent = {
        name: None if values is None else np.array(values, dtype=np.float32)
        for name, values in zip(_PER_LATENT, row, strict=True)
    }
    part = {
        kind: vectors(audit, model.model_id, sae.dim, kind, sae.sae_id)[1]
        for kind in ("encoder", "decoder", "pre_bias", "skip")
    }
    return SaeSpec(
        tool=sae.tool,
        encoder=part["encoder"],
        decoder=part["decoder"],
        encoder_bias=_encoder_bias(audit, model, sae) if sae.encoder_bias else None,
        pre_bias=part["pre_bias"][0] if sae.pre_bias else None,
        activation=sae.activation,
        k=sae.k,
        tied=sae.tied,
        norm_in=sae.norm_in,
        k_source=sae.k_source,
        centred=sae.centred,
        skip=part["skip"] if len(part["skip"]) else None,
        groups=tuple(sae.groups),
        notes=tuple(sae.notes),
        **per_latent,
    )


def _encoder_bias(audit: Audit, model: Model, sae: Sae) -> FloatArray:
    """[latents]; a bias that was no number is NULL in the table and NaN here."""
    found = audit.rows(
        f"SELECT bias FROM vectors_{int(sae.dim)} WHERE model_id = ? AND sae_id = ? AND kind = 'encoder' "
        "ORDER BY entity_id",
        [model.model_id, sae.sae_id],
    )
    return np.array([np.nan if bias is None else bias for (bias,) in found], dtype=np.float32)


def vectors(
    audit: Audit, model_id: int, dim: int, kind: str, sae_id: int | None = None
) -> tuple[IntArray, FloatArray]:
    """Entity ids and vectors [n, dim] of one kind, in order of id."""
    found = audit.columns(
        f"SELECT entity_id, vector FROM vectors_{int(dim)} WHERE model_id = ? AND kind = ? "
        "AND sae_id IS NOT DISTINCT FROM ? ORDER BY entity_id",
        [model_id, kind, sae_id],
    )
    return found["entity_id"].astype(np.int64), _stacked(found["vector"], dim)


def _stacked(column: NDArray[Any], dim: int) -> FloatArray:
    if not len(column):
        return np.empty((0, dim), np.float32)
    return np.stack(list(column)).astype(np.float32, copy=False)


def catalogue(audit: Audit, model: Model) -> Catalogue:
    """The model's candidates with their vectors and biases, in order of item id."""
    item_id, item_vectors = vectors(audit, model.model_id, _item_width(audit, model), "item")
    bias = audit.columns(
        "SELECT bias FROM model_items WHERE model_id = ? ORDER BY item_id", [model.model_id]
    )["bias"].astype(np.float32)
    tensors = {
        name: np.array(data, dtype=np.float32).reshape(shape)
        for name, shape, data in audit.rows(
            "SELECT name, shape, data FROM head_tensors WHERE model_id = ?", [model.model_id]
        )
    }
    return Catalogue(item_id, model.head, item_vectors, bias if bias.any() else None, tensors)


def _item_width(audit: Audit, model: Model) -> int:
    """Width of the item vectors: the representation's for a dot product, the head's own otherwise."""
    if model.head == "dot":
        return model.dim
    for (table,) in audit.rows("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'vectors_%'"):
        if audit.rows(
            f"SELECT 1 FROM {table} WHERE model_id = ? AND kind = 'item' LIMIT 1", [model.model_id]
        ):
            return int(table.removeprefix("vectors_"))
    return model.dim


def cases(audit: Audit, model: Model, kinds: tuple[str, ...]) -> CaseRows:
    """Cases of the given kinds with their vectors, in order of case id."""
    found = audit.columns(
        f"SELECT case_id, user_id, cases.kind AS kind, history_end, vector FROM cases JOIN vectors_{int(model.dim)} v "
        "ON v.model_id = cases.model_id AND v.kind = 'case' AND v.entity_id = case_id "
        "WHERE cases.model_id = ? AND list_contains(?, cases.kind) ORDER BY case_id",
        [model.model_id, list(kinds)],
    )
    return CaseRows(
        found["case_id"].astype(np.int64),
        found["user_id"].astype(np.int64),
        found["kind"],
        found["history_end"].astype(np.int64),
        _stacked(found["vector"], model.dim),
    )


def case(audit: Audit, model: Model, case_id: int) -> CaseRows:
    """One case with its vector."""
    ((user, kind, history_end),) = audit.rows(
        "SELECT user_id, kind, history_end FROM cases WHERE model_id = ? AND case_id = ?",
        [model.model_id, case_id],
    )
    return CaseRows(
        np.array([case_id]),
        np.array([user]),
        np.array([kind]),
        np.array([history_end]),
        vector(audit, model, "case", case_id)[None],
    )


def targets(audit: Audit, model: Model, split: Split) -> TargetRows:
    """Held-out interactions of one split, in order of target id."""
    found = audit.columns(
        "SELECT target_id, case_id, item_id FROM targets WHERE model_id = ? AND split = ? ORDER BY target_id",
        [model.model_id, split.name.lower()],
    )
    return TargetRows(*(found[name].astype(np.int64) for name in ("target_id", "case_id", "item_id")))


def timeline(audit: Audit, dataset_id: int, user: int | None = None) -> Timeline:
    """Every interaction of the data, or of one user, by user and time."""
    found = audit.columns(
        "SELECT user_id, item_id, position, CASE split WHEN 'train' THEN 0 WHEN 'valid' THEN 1 ELSE 2 END AS code "
        "FROM interactions WHERE dataset_id = $1 AND user_id = coalesce($2, user_id) ORDER BY user_id, position",
        [dataset_id, user],
    )
    users, items, positions, splits = (
        found[name].astype(np.int64) for name in ("user_id", "item_id", "position", "code")
    )
    return Timeline(users, items, positions, splits)


def count(audit: Audit, table: str, dataset_id: int) -> int:
    """Rows of a data table."""
    return int(audit.rows(f"SELECT count(*) FROM {table} WHERE dataset_id = ?", [dataset_id])[0][0])


def user_index(audit: Audit, model: Model, raw_id: str) -> int:
    """Dense index of a user by raw id.

    Raises:
        UsageError: the data has no such user; shows some it has.
    """
    return _index(audit, model, raw_id, "user")


def item_index(audit: Audit, model: Model, raw_id: str) -> int:
    """Dense index of an item by raw id. Raises as ``user_index``."""
    return _index(audit, model, raw_id, "item")


def _index(audit: Audit, model: Model, raw_id: str, kind: str) -> int:
    found = audit.rows(
        f"SELECT {kind}_id FROM {kind}s WHERE dataset_id = ? AND raw_id = ?", [model.dataset_id, raw_id]
    )
    if found:
        return int(found[0][0])
    some = audit.rows(
        f"SELECT raw_id FROM {kind}s WHERE dataset_id = ? ORDER BY {kind}_id LIMIT 5", [model.dataset_id]
    )
    raise UsageError(
        f"no {kind} {printable(raw_id)} in the data of model {printable(model.name)}",
        fix=f"ids are those of the data, for example {', '.join(printable(row[0], 24) for row in some)}",
    )


def raw_items(audit: Audit, dataset_id: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Raw ids and titles (None where unknown) by dense item index."""
    rows = audit.rows("SELECT raw_id, title FROM items WHERE dataset_id = ? ORDER BY item_id", [dataset_id])
    raw, titles = zip(*rows, strict=True) if rows else ((), ())
    return np.array(raw, dtype=object), np.array(titles, dtype=object)


def raw_users(audit: Audit, dataset_id: int) -> NDArray[Any]:
    """Raw ids by dense user index."""
    found = audit.columns("SELECT raw_id FROM users WHERE dataset_id = ? ORDER BY user_id", [dataset_id])
    return np.asarray(found["raw_id"], dtype=object)


def activations(audit: Audit, sae_id: int, entity_kind: str) -> tuple[IntArray, IntArray, FloatArray]:
    """Entity, latent and value of every stored activation of one kind."""
    found = audit.columns(
        "SELECT entity_id, latent, value FROM activations WHERE sae_id = ? AND entity_kind = ?",
        [sae_id, entity_kind],
    )
    return (
        found["entity_id"].astype(np.int64),
        found["latent"].astype(np.int64),
        found["value"].astype(np.float32),
    )


def train_counts(audit: Audit, dataset_id: int) -> IntArray:
    """Training interactions of each item, by dense index."""
    found = audit.columns("SELECT train_count FROM items WHERE dataset_id = ? ORDER BY item_id", [dataset_id])
    return found["train_count"].astype(np.int64)


def has_metrics(audit: Audit, model_id: int, protocol: str, sae: Sae | None = None) -> bool:
    """Whether any number under a protocol is stored of a model as it is, or of one of its dictionaries."""
    sql = (
        "SELECT 1 FROM metrics WHERE model_id = ? AND protocol = ? AND sae_id IS NOT DISTINCT FROM ? LIMIT 1"
    )
    return bool(audit.rows(sql, [model_id, protocol, None if sae is None else sae.sae_id]))


def has_lists(audit: Audit, model_id: int, protocol: str) -> bool:
    """Whether the lists of a model as it is are stored under a protocol."""
    sql = "SELECT 1 FROM recommendations WHERE model_id = ? AND protocol = ? AND sae_id IS NULL LIMIT 1"
    return bool(audit.rows(sql, [model_id, protocol]))


def latent_columns(audit: Audit, sae: Sae, entity_kind: str | None = None) -> dict[str, NDArray[Any]]:
    """The ``latents`` table of one dictionary as columns, in order of latent.

    Args:
        entity_kind: over ``case`` or ``item``; by default over cases where the dictionary encodes any.
    """
    return audit.columns(
        "SELECT * EXCLUDE (sae_id, entity_kind) FROM latents WHERE sae_id = ? AND entity_kind = ? ORDER BY latent",
        [sae.sae_id, entity_kind or sae.entity_kinds[0]],
    )


def active_latents_by_user(audit: Audit, model: Model, sae: Sae) -> NDArray[np.float64]:
    """How many latents fire on the newest case of each user: [users]."""
    found = audit.columns(
        "SELECT count(latent) AS fired FROM cases LEFT JOIN activations ON sae_id = ? AND entity_kind = 'case' "
        "AND entity_id = case_id WHERE model_id = ? AND list_contains(?, kind) GROUP BY case_id ORDER BY case_id",
        [sae.sae_id, model.model_id, list(NEWEST_KINDS)],
    )
    return found["fired"].astype(np.float64)


def vector(audit: Audit, model: Model, kind: str, entity_id: int) -> FloatArray:
    """One stored vector [dim] of the model itself."""
    found = audit.rows(
        f"SELECT vector FROM vectors_{int(model.dim)} WHERE model_id = ? AND kind = ? AND entity_id = ? "
        "AND sae_id IS NULL",
        [model.model_id, kind, entity_id],
    )
    return np.array(found[0][0], dtype=np.float32)


def score_offset(audit: Audit, model: Model, case_id: int) -> float:
    """What a case adds to all its scores (a user's bias)."""
    found = audit.rows(
        "SELECT score_offset FROM cases WHERE model_id = ? AND case_id = ?", [model.model_id, case_id]
    )
    return float(found[0][0])
