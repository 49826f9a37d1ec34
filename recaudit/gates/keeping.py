"""Blessing a model, keeping verdicts in the audit file, and writing files whole."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from recaudit.analyses.diff.summary import summarise
from recaudit.errors import EnvironmentProblem, UsageError
from recaudit.gates import document
from recaudit.gates.document import Blessing
from recaudit.gates.outcome import GateRun
from recaudit.store import gates, read, write, writing
from recaudit.text import printable


def bless(
    db: Path,
    model_name: str | None,
    blessing: Blessing,
    *,
    sae: str | None = None,
    replace: bool = False,
) -> str:
    """Store a model as a baseline; returns its document.

    Raises:
        UsageError: the name is taken by another model, or by a model of this audit, or nothing is measured yet.
    """
    with writing(db) as audit:
        model = read.model_named(audit, model_name)
        summary = summarise(audit, model, read.find_sae(audit, model, sae))
        if not summary.numbers:
            raise UsageError(
                f"nothing is measured of model {printable(model.name)}",
                fix=f"run `recaudit report {printable(model.name)}` first",
            )
        taken = gates.baseline_named(audit, blessing.name)
        if taken is not None and not replace:
            raise UsageError(
                f"baseline {printable(blessing.name)} is model {printable(taken.model)}, sha256 {taken.sha256[:12]}, "
                f"blessed by {printable(taken.author)}: {printable(taken.reason)}",
                fix="choose another name with --as, or move it with --replace",
            )
        if any(one.name == blessing.name for one in read.models(audit)):
            raise UsageError(
                f"{printable(blessing.name)} is the name of a model: `--baseline` could not tell them apart",
                fix="choose another name with --as, for example production",
            )
        text = document.write(summary, blessing)
        said = {
            "model": model.name,
            "as": blessing.name,
            "author": blessing.author,
            "reason": blessing.reason,
        }
        run = write.Run("bless", said, 0, [model.sha256])
        write.add_run(audit, run)
        gates.keep_baseline(
            audit,
            gates.Blessed(
                blessing.name, model.name, model.sha256, blessing.author, blessing.reason,
                _naive(blessing.blessed), text,
            ),
            run.run_id,
        )  # fmt: skip
    return text


def keep_verdicts(db: Path, run: GateRun) -> None:
    """Store what a gate said; what the same policy said of the model before goes."""
    baseline = None if run.baseline is None else run.baseline.name
    rows = [
        asdict(verdict) | {"baseline": baseline, "verdict": verdict.verdict.value} for verdict in run.verdicts
    ]
    with writing(db) as audit:
        model = read.model_named(audit, run.model)
        said = {
            "model": run.model,
            "policy": run.policy,
            "policy_sha256": run.policy_sha256,
            "baseline": baseline,
        }
        made = write.Run("gate", said, run.seed, [model.sha256])
        write.add_run(audit, made)
        gates.replace_verdicts(audit, model, run.policy, rows, made.run_id)


def write_whole(path: Path, text: str) -> None:
    """A full disk is told as one, and leaves no half of a file."""
    building = path.with_name(f".{path.name}.{os.getpid()}.building")
    try:
        building.write_text(text, encoding="utf-8")
        building.replace(path)
    except OSError as error:
        building.unlink(missing_ok=True)
        raise EnvironmentProblem(
            f"{printable(path)}: cannot be written ({printable(error.strerror)})",
            fix="check that the folder exists, may be written and has room",
        ) from None


def _naive(when: datetime) -> datetime:
    return when.replace(tzinfo=None)
