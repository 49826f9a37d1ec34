"""From a stored model to a stored dictionary: take its vectors, hold some users out, train, encode, store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.protocol import protocol_named
from recaudit.analyses.scoring import head_of
from recaudit.checkpoints.spec import SaeSpec
from recaudit.dictionaries.entities import ENCODED_KINDS, TRAINING_KINDS, Entities
from recaudit.dictionaries.judge import Judge, make_judge
from recaudit.dictionaries.storing import add_dictionary
from recaudit.errors import NoVerdictError, UsageError
from recaudit.models.heads import Head
from recaudit.sae.controls import CONTROLS
from recaudit.sae.training import state
from recaudit.sae.training.prediction import TRAINABLE_HEADS
from recaudit.sae.training.record import Look, Trained
from recaudit.sae.training.settings import PRESETS, Settings, with_loss
from recaudit.sae.training.trainer import TrainingData, train
from recaudit.store import Audit, read, reading, write, writing
from recaudit.store.read import Model, Sae
from recaudit.text import printable

FEW_VECTORS, AUGMENT = 5, 0.5
"""With fewer vectors than so many a latent, training augments them (``Settings.augment``) unless told."""
HELD_OUT = 0.1
"""Share of users, and of items, that a training never sees: looks are on them."""


@dataclass(frozen=True)
class TrainRequest:
    """What to train, as the command line says it."""

    db: Path
    settings: Settings
    model: str | None = None
    name: str | None = None
    replace: bool = False
    device: str = "cpu"
    threads: int = 1
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """For the ``runs`` table."""


@dataclass(frozen=True)
class Prepared:
    """Everything a training needs, so that the audit file is closed while it runs."""

    model: Model
    settings: Settings
    """As asked, and as ``suited`` to the model where nothing was."""
    data: TrainingData
    judge: Judge


def train_dictionary(
    request: TrainRequest,
    stage: Callable[[str], None] = lambda stage: None,
    progress: Callable[[Look, int], None] = lambda look, limit: None,
) -> tuple[str, Trained]:
    """Train on a stored model and store the result with its codes, controls and training record.

    Returns:
        The dictionary's name and how the training went.

    Raises:
        UsageError: no such model, the name is taken, or the settings cannot be.
        NoVerdictError: the model has too few vectors.
    """
    stage("reading vectors")
    prepared = prepare(request.db, request.model, request.settings)
    name = request.name or default_name(request.settings, prepared)
    _check_name(request, prepared.model, name)
    stage("training")
    kept = state_path(request.db, prepared.model.name, name)
    trained = train(
        prepared.data,
        prepared.settings,
        prepared.judge,
        device=request.device,
        threads=request.threads,
        keep_state=kept,
        progress=progress,
    )
    stage("encoding and storing")
    store(request, prepared.model, name, trained)
    state.remove(kept)
    return name, trained


def prepare(db: Path, model_name: str | None, settings: Settings) -> Prepared:
    """Vectors to train on and to look at, and the judge."""
    with reading(db) as audit:
        model = read.model_named(audit, model_name)
        kinds = tuple(kind for kinds in TRAINING_KINDS for kind in kinds)
        entities = Entities.load(audit, model, kinds)
        _check_site(model, entities, settings)
        settings.checked((entities.items if settings.site == "item" else entities.cases).shape[1])
        users, items = _held_out(entities.user, settings.seed), _held_out(entities.item_id, settings.seed)
        parts = _parts(entities, users, items, settings.site)
        data = TrainingData(
            train={part: rows for part, (rows, _) in parts.items()},
            held_out={part: rows for part, (_, rows) in parts.items()},
            interactions=int(read.train_counts(audit, model.dataset_id).sum()),
            head=head_of(read.catalogue(audit, model)),
            partners=_partners(entities, users, settings),
        )
        judge = make_judge(audit, model, protocol_named(model.protocol), settings.site, users, settings.seed)
    width = settings.width(next(iter(data.train.values())).shape[1])
    few = sum(map(len, data.train.values())) < FEW_VECTORS * width
    return Prepared(model, suited(settings, data.head, few), data, judge)


def suited(settings: Settings, head: Head | None, few: bool) -> Settings:
    """The settings for this model: without the preset's own prediction term where its head cannot be trained through, and
    with augmentation where its vectors are few.

    What was asked for stays; a prediction term is refused later.
    """
    if settings.augment is None:
        settings = replace(settings, augment=AUGMENT if few else 0.0)
    usual = PRESETS[settings.preset].loss.prediction
    if settings.loss.prediction != usual or (head is not None and head.kind in TRAINABLE_HEADS):
        return settings
    return with_loss(settings, {"prediction": 0.0})


def _check_site(model: Model, entities: Entities, settings: Settings) -> None:
    if settings.site != "user" and not len(entities.items):
        raise NoVerdictError(
            f"model {printable(model.name)} has no item vectors in this audit", fix="train with --site user"
        )
    if settings.site == "both" and entities.cases.shape[1] != entities.items.shape[1]:
        raise UsageError(
            f"vectors of model {printable(model.name)} are {entities.cases.shape[1]} wide and its items' "
            f"{entities.items.shape[1]}: one dictionary cannot hold both",
            fix="train one with --site user and one with --site item",
        )


def _held_out(ids: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    everyone = np.unique(ids)
    return np.sort(np.random.default_rng(seed).permutation(everyone)[: round(HELD_OUT * len(everyone))])


def _parts(
    entities: Entities, users: NDArray[np.int64], items: NDArray[np.int64], site: str
) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Kind to the vectors trained on and those held out; equal vectors count once, on the training side.

    Users who began with the same item share a short history: such a vector is no test of anything.
    """
    found = {}
    for part in entities.parts(site):
        if part == "case":
            chosen = entities.training
            rows, apart = entities.cases[chosen], np.isin(entities.user[chosen], users)
        else:
            rows, apart = entities.items, np.isin(entities.item_id, items)
        learned, rest = _distinct(rows[~apart]), _distinct(rows[apart])
        found[part] = (learned, rest[~np.isin(_keys(rest), _keys(learned))])
    return found


def _partners(
    entities: Entities, users: NDArray[np.int64], settings: Settings
) -> dict[str, NDArray[np.float32]]:
    """Whom items are scored for, where items alone are trained on."""
    if settings.site != "item" or not settings.loss.prediction:
        return {}
    return {"case": _parts(entities, users, users, "user")["case"][0]}


def _distinct(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows without repeats, in order of first appearance."""
    _, first = np.unique(_keys(rows), return_index=True)
    return rows if len(first) == len(rows) else rows[np.sort(first)]


def _keys(rows: NDArray[np.float32]) -> NDArray[np.void]:
    """[n] the bytes of each row."""
    whole = np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))
    return np.ascontiguousarray(rows).view(whole)[:, 0]


def default_name(settings: Settings, prepared: Prepared) -> str:
    """What a dictionary is called unless told: its kind and size, its site where that is not the users'."""
    width = next(iter(prepared.data.train.values())).shape[1]
    parts = [settings.kind if settings.preset == "recaudit" else settings.preset, str(settings.width(width))]
    if settings.kind != "relu":
        parts.append(f"k{settings.k}")
    if settings.loss.prediction != PRESETS[settings.preset].loss.prediction:
        parts.append(f"b{settings.loss.prediction:g}")
    if settings.site != "user":
        parts.append(settings.site)
    return "-".join(parts)


def _check_name(request: TrainRequest, model: Model, name: str) -> None:
    with reading(request.db) as audit:
        _replaced(audit, request, model, name)


def _replaced(audit: Audit, request: TrainRequest, model: Model, name: str) -> Sae | None:
    """The dictionary that a new one of this name writes over, if any.

    Raises:
        UsageError: the name, or that of a control to come, is taken and not to be replaced.
    """
    known = read.dictionaries(audit, model.model_id)
    old = next(
        (found for found in known if request.replace and found.name == name and found.role == "sae"), None
    )
    wanted = {name, *(f"{name}:{role}" for role in CONTROLS)}
    for found in known:
        if found.name in wanted and (old is None or old.sae_id not in (found.sae_id, found.control_of)):
            raise UsageError(
                f"model {printable(model.name)} already has a dictionary named {printable(found.name)}",
                fix="choose another with --name NAME, or write over it with --replace"
                if found.name == name and found.role == "sae"
                else "choose another with --name NAME",
            )
    return old


def state_path(db: Path, model: str, name: str) -> Path:
    """Where a training keeps what it goes on from after a kill: beside the audit file."""
    digest = hashlib.sha256(f"{model}\0{name}".encode()).hexdigest()[:8]
    return db.with_name(f".{db.name}.{digest}.training")


def store(request: TrainRequest, model: Model, name: str, trained: Trained) -> None:
    """Write the dictionary, in one transaction."""
    sha256 = weights_digest(trained.spec)
    run = write.Run("train", dict(request.arguments), request.settings.seed, [model.sha256])
    with writing(request.db) as audit:
        # The model may have been written again while training ran.
        stored = read.model_named(audit, model.name)
        if stored.sha256 != model.sha256:
            raise UsageError(
                f"model {printable(model.name)} was replaced while the dictionary was trained",
                fix="train again",
            )
        old = _replaced(audit, request, stored, name)
        if old is not None:
            write.remove_sae(audit, old.sae_id)
        write.add_run(audit, run)
        entities = Entities.load(audit, stored, ENCODED_KINDS)
        sae_id = add_dictionary(
            audit, stored.model_id, entities, trained.spec, name=name, sha256=sha256, run=run,
            seed=request.settings.seed, site=request.settings.site, training=trained.record(),
        )  # fmt: skip
        write.add_training_log(audit, sae_id, [_row(look) for look in trained.looks])


def _row(look: Look) -> dict[str, Any]:
    return {name: getattr(look, name) for name in Look.__dataclass_fields__}


def weights_digest(spec: SaeSpec) -> str:
    """sha256 of the weights: what stands for a file's where there is none."""
    digest = hashlib.sha256()
    for array in (spec.encoder, spec.decoder, spec.encoder_bias, spec.pre_bias, spec.threshold):
        if array is not None:
            digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()
