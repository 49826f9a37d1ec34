"""Run what an audit still lacks, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from recaudit.analyses.cav import conditioned
from recaudit.analyses.cav.run import analyse, analyse_pair
from recaudit.analyses.cav.settings import Settings
from recaudit.errors import UsageError
from recaudit.store import Audit, read, reading, write, writing
from recaudit.store import cav as store
from recaudit.store.read import Model
from recaudit.text import printable


@dataclass(frozen=True)
class Pair:
    """Two concepts set against each other: ids and names."""

    ids: tuple[int, int]
    names: tuple[str, str]


def asked_pair(audit: Audit, model: Model, text: str) -> Pair:
    """``A:B`` as two concepts of the model's data; names may carry their kind, as in ``genre:Drama:genre:War``.

    Raises:
        UsageError: not two concepts, or the same one twice.
    """
    parts = text.split(":")
    for middle in range(1, len(parts)):
        names = ":".join(parts[:middle]), ":".join(parts[middle:])
        try:
            ids = tuple(store.concept_index(audit, model.dataset_id, name) for name in names)
        except UsageError:
            if middle == len(parts) - 1:
                raise
            continue
        if ids[0] == ids[1]:
            break
        known = store.concept_names(audit, model.dataset_id)
        return Pair((ids[0], ids[1]), (known[ids[0]][1], known[ids[1]][1]))
    raise UsageError(
        f"--relative {printable(text)} names no two concepts", fix="for example --relative Thriller:Horror"
    )


def ensure(
    db: Path,
    name: str | None,
    settings: Settings,
    *,
    relative: str | None = None,
    ratings_path: Path | None = None,
    checkpoint: Path | None = None,
    drop: tuple[str, ...] = (),
    again: bool = False,
    arguments: Mapping[str, Any] | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> None:
    """Fit and store the CAVs of a variant, or of a pair, and look at a conditioned model's latent space.

    What is stored stays as it is unless ``again``, or unless a file is named that it was made without.
    ``arguments`` are for the ``runs`` table, beside the settings.
    """
    with reading(db) as audit:
        model = read.model_named(audit, name)
        pair = None if relative is None else asked_pair(audit, model, relative).ids
        cavs = (
            again
            or ratings_path is not None
            or not store.has_variant(audit, model.model_id, settings.variant, pair)
        )
        has_conditions = conditioned.wanted(audit, model)
        if not has_conditions and (checkpoint is not None or drop):
            raise UsageError(
                f"model {printable(model.name)} has no conditioned cases in this audit",
                fix="leave out --checkpoint and --drop; a conditioned model is ingested with --conditions NAMES",
            )
        conditions = has_conditions and (
            again or bool(drop) or checkpoint is not None or not conditioned.stored(audit, model)
        )
    if not cavs and not conditions:
        return
    said = {"model": model.name, **asdict(settings), "relative": relative, "drop": list(drop)}
    run = write.Run("cav", {**said, **(arguments or {})}, settings.seed, [model.sha256])
    with writing(db) as audit:
        write.add_run(audit, run)
        if cavs and pair is not None:
            analyse_pair(audit, model, settings, pair, run, ratings_path=ratings_path, progress=progress)
        elif cavs:
            analyse(audit, model, settings, run, ratings_path=ratings_path, progress=progress)
        if conditions:
            progress("conditions")
            conditioned.analyse(audit, model, run, checkpoint=checkpoint, drop=drop, seed=settings.seed)
