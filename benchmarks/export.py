"""Does what ``recaudit steer --export`` writes load in the tool it came from, and score as the steered model does?

    python benchmarks/export.py FIXTURES --tools-python VENV/bin/python [--rechorus CLONE]

``FIXTURES`` holds ``checkpoints`` and ``data`` of the tools; the other environment has RecBole 1.2.1 and implicit 0.7.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure import run

HERE = Path(__file__).parent
USERS = 50


@dataclass(frozen=True)
class Case:
    """A checkpoint, the edit done to it, and how its tool is asked for scores."""

    folder: str
    tool: str
    edit: str
    model: str = ""
    heads: int = 1


CASES = (
    Case("recbole-bpr", "recbole", "project direction=popularity by=0.5"),
    Case("recbole-lightgcn", "recbole", "project direction=popularity by=0.5"),
    Case("recbole-sasrec", "recbole", "shift direction=popularity by=-1"),
    Case("recbole-gru4rec", "recbole", "project direction=popularity by=0.5"),
    Case("rechorus-bprmf", "rechorus", "project direction=popularity by=0.5", "general.BPRMF"),
    Case("rechorus-sasrec", "rechorus", "shift direction=popularity by=-1", "sequential.SASRec", 4),
    Case("implicit-als", "implicit", "project direction=popularity by=0.5", "AlternatingLeastSquares"),
    Case("implicit-bpr", "implicit", "project direction=popularity by=0.5", "BayesianPersonalizedRanking"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fixtures", type=Path)
    parser.add_argument("--tools-python", type=Path, required=True)
    parser.add_argument("--rechorus", type=Path)
    args = parser.parse_args()
    print("| checkpoint | edit | scores apart, of the largest | same first ten |\n|---|---|---|---|")
    failed = False
    for case in CASES:
        if case.tool == "rechorus" and args.rechorus is None:
            print(f"| {case.folder} | skipped: no --rechorus | | |")
            continue
        found = reloaded(args, case)
        failed |= found["apart"] > 1e-5
        print(
            f"| {case.folder} | {case.edit} | {found['apart']:.1e} | {found['same_top10']:.1%} |", flush=True
        )
    print(json.dumps(found["versions"]), file=sys.stderr)
    sys.exit(int(failed))


def reloaded(args: argparse.Namespace, case: Case) -> dict[str, float]:
    """What the tool says of an exported file."""
    with tempfile.TemporaryDirectory() as folder:
        path, expected = exported(args.fixtures, case, Path(folder))
        done = run(
            [args.tools_python, HERE / "export_in_tool.py", case.tool, path, expected, "--model", case.model,
             "--heads", str(case.heads), *(["--rechorus", args.rechorus] if args.rechorus else [])]
        )  # fmt: skip
        return dict(done.result)


def exported(fixtures: Path, case: Case, folder: Path) -> tuple[Path, Path]:
    """The file in the tool's format, and rows with the scores it should give."""
    from recaudit.analyses.reopened import histories, read_again
    from recaudit.checkpoints import read_checkpoint
    from recaudit.ingest import IngestRequest, ingest
    from recaudit.interventions import words
    from recaudit.interventions.edits import Intervention
    from recaudit.interventions.export.command import exported as export
    from recaudit.interventions.steering import Steering
    from recaudit.store import conditions, read, reading

    held = fixtures / "checkpoints" / case.folder
    original = next(path for path in held.iterdir() if path.suffix in (".pth", ".pt", ".npz"))
    db = folder / "audit.duckdb"
    ingest(
        IngestRequest(
            original, fixtures / "data" / "ml-100k", db, name="model", ids=str(held / "ids.parquet")
        )
    )
    edit = Intervention((words.edit(case.edit),))
    with reading(db) as audit:
        model = read.model_named(audit, None)
        done = export(audit, model, None, edit, folder / original.name, form="checkpoint", original=original)
        steering = Steering.of_audit(audit, model, None, directions=["popularity"])
        cases = read.cases(audit, model, read.NEWEST_KINDS)
        cases = read.CaseRows(*(getattr(cases, name)[:USERS] for name in read.CaseRows.__dataclass_fields__))
        x = steering.vectors(edit)[np.searchsorted(steering.bench.field.cases.case_id, cases.case_id)]
        catalogue = steering.bench.field.catalogue
        scores = x @ catalogue.vectors.T + (0 if catalogue.bias is None else catalogue.bias)
        found = {"items": conditions.item_rows(audit, model)[1], "scores": scores}
        again = read_again(read_checkpoint(done.path), model)
        if model.reads == "user":
            table = np.ascontiguousarray(again.spec.tensors["user"], np.float32)
            place = {row.tobytes(): number for number, row in enumerate(table)}
            found["users"] = np.array([place[row.tobytes()] for row in np.ascontiguousarray(x)])
        else:
            found["history"], found["lengths"] = histories(audit, model, cases).padded(model.history_length)
    np.savez(folder / "expected.npz", **found)
    return done.path, folder / "expected.npz"


if __name__ == "__main__":
    main()
