"""Write an intervention where it lasts: try, read again, hold against the steered scores, and only then move into place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recaudit.analyses.reopened import reopened
from recaudit.errors import EnvironmentProblem, UsageError
from recaudit.interventions.edits import Intervention
from recaudit.interventions.export import checkpoint, tables
from recaudit.interventions.export.agreement import check
from recaudit.interventions.export.folding import CannotFold
from recaudit.interventions.steering import Steering
from recaudit.store import Audit
from recaudit.store.read import Model, Sae
from recaudit.text import printable

AUTO, CHECKPOINT, TABLES, MODULE = FORMS = ("auto", "checkpoint", "tables", "module")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        form: ``checkpoint``, ``tables`` or ``module``.
        apart: how far it is from the steered model, as a share of the largest number; at most ``agreement.TOLERANCE``.
        notes: what the person who deploys it should know.
    """

    form: str
    path: Path
    apart: float
    notes: tuple[str, ...] = ()


def exported(
    audit: Audit,
    model: Model,
    sae: Sae | None,
    intervention: Intervention,
    path: Path,
    *,
    form: str = AUTO,
    original: Path | None = None,
    protocol: str | None = None,
    seed: int = 0,
) -> Exported:
    """Write an intervention, with latents resolved, to ``path``.

    Args:
        form: one of ``FORMS``; ``auto`` is the model's own file where that can say it, else a module.
        original: the model's file, for ``checkpoint``.

    Raises:
        UsageError: something is there already, or the form cannot say the intervention (``CannotFold``).
        InputRefused: ``original`` is another file, or what was written does not score as the steered model.
        EnvironmentProblem: it cannot be written.
    """
    if path.exists():
        raise UsageError(f"{printable(path)} is there already", fix="choose another name for --export")
    directions = [edit.direction for edit in intervention.edits if edit.direction]
    steering = Steering.of_audit(audit, model, sae, directions=directions, protocol=protocol, seed=seed)
    notes: tuple[str, ...] = ()
    if form in (AUTO, CHECKPOINT):
        if original is None:
            raise UsageError(
                f"exporting into the model's own file needs that file ({printable(model.checkpoint)})",
                fix="give it with --checkpoint FILE, or export with --as module or --as tables",
            )
        try:
            return _checkpoint(audit, steering, intervention, path, original)
        except CannotFold as error:
            if form == CHECKPOINT:
                raise
            notes = (error.message,)
    if form == TABLES:
        return _tables(audit, steering, intervention, path)
    return _module(steering, intervention, path, notes)


def _checkpoint(
    audit: Audit, steering: Steering, intervention: Intervention, path: Path, original: Path
) -> Exported:
    again = reopened(audit, steering.model, original)
    data, changes = checkpoint.patched(audit, steering, intervention, again)

    def write(part: Path) -> float:
        part.write_bytes(data)
        return checkpoint.held_against(audit, steering, intervention, again, changes, part)

    notes = []
    if again.spec.family == "propagated" and again.spec.tool == "RecBole":
        notes.append(
            "RecBole ranks with the propagated tables, which were edited; what it computes from layer 0 (`predict` of single pairs, "
            "further training) does not know the edit"
        )
    return Exported(CHECKPOINT, path, _moved(path, write), tuple(notes))


def _tables(audit: Audit, steering: Steering, intervention: Intervention, path: Path) -> Exported:
    if path.suffix not in ("", ".npz"):
        raise UsageError(
            f"{printable(path)}: tables are written as npz or parquet",
            fix="end the name in .npz, or leave the ending out for a folder of users.parquet and items.parquet",
        )
    found = tables.steered(audit, steering, intervention)

    def write(part: Path) -> float:
        tables.write(found, part)
        return tables.held_against(found, part)

    notes: tuple[str, ...] = ()
    if steering.model.reads != "user":
        notes = ("a snapshot: the vectors of users' newest histories, which new interactions do not change",)
    return Exported(TABLES, path, _moved(path, write), notes)


def _module(steering: Steering, intervention: Intervention, path: Path, notes: tuple[str, ...]) -> Exported:
    from recaudit.interventions.export import module  # torch

    def write(part: Path) -> float:
        part.mkdir()
        module.write(steering, intervention, part)
        return module.held_against(steering, intervention, part)

    return Exported(MODULE, path, _moved(path, write), notes)


def _moved(path: Path, write: Callable[[Path], float]) -> float:
    """Write beside ``path``, and move it there once it agrees; nothing is left behind where it does not.

    Args:
        write: writes to the path it is given, and says how far the result is from the steered model.
    """
    # The name stays part of it: some tools keep settings there.
    part = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        difference = check(write(part))
        part.replace(path)
    except OSError as error:
        raise EnvironmentProblem(
            f"{printable(path)}: cannot be written ({printable(error.strerror)})",
            fix="check that the folder exists, may be written and has room",
        ) from None
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        part.unlink(missing_ok=True)
    return difference
