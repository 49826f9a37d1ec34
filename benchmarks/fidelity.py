"""What a trained dictionary keeps of a recommender: one row a model, from an audit that holds the models.

    python benchmarks/fidelity.py AUDIT MODEL... [--train "--site both" ...] [--seeds 3] > rows.json

AUDIT is copied, not changed. For each model and seed ``recaudit train`` and ``recaudit report`` run as commands
of their own with one thread; everything printed is what they stored:

seconds      of training, looks not counted, and ``command``, the whole command: reading, training, looks,
             encoding, storing and controls; ``command_cpu``, the processor time that it had
ndcg_ratio   NDCG@10 of the reconstructed recommender over that of the original, paired, 95 % interval over users
explained    explained variance of the vectors: of cases with a target, or of the newest of each user
overlap, rbo, tau_union, l0, dead as ``recaudit metrics`` defines them
held_out_*   the kept look's figures on users the training never saw
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Process, run

WANTED = {
    "ndcg_ratio": ("fidelity.ndcg_ratio@10", {}),
    "explained": ("fidelity.explained_variance", {"cases": "test"}),
    "explained_items": ("fidelity.explained_variance", {"items": "all"}),
    "overlap": ("fidelity.overlap@10", {}),
    "rbo": ("fidelity.rbo@30", {}),
    "tau": ("fidelity.kendall_tau@30", {}),
    "tau_union": ("fidelity.kendall_tau_union@30", {}),
    "l0": ("sae.l0", {}),
    "dead": ("sae.dead_share", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("audit", type=Path)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--train", default="", help="arguments for recaudit train, in one string")
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        audit = Path(shutil.copy(args.audit, Path(folder) / "audit.duckdb"))
        rows = [
            measured(audit, model, seed, args.train.split())
            for model in args.models
            for seed in range(args.seeds)
        ]
    print(json.dumps(rows, indent=1))


def measured(audit: Path, model: str, seed: int, arguments: list[str]) -> dict[str, Any]:
    name = f"seed-{seed}"

    def recaudit(*command: str | Path) -> Process:
        return run([sys.executable, "-m", "recaudit", *command, "--db", audit])

    training = recaudit("train", model, "--seed", str(seed), "--name", name, *arguments)
    recaudit("report", model, "--sae", name, "-o", audit.with_suffix(".json"))
    row = {"model": model, "seed": seed, "train": arguments}
    row |= {"command": round(training.seconds, 1), "command_cpu": round(training.cpu_seconds, 1)}
    row |= log(audit, model, name) | numbers(audit, model, name)
    print(row, file=sys.stderr)
    return row


def log(audit: Path, model: str, name: str) -> dict[str, Any]:
    import duckdb

    with duckdb.connect(str(audit), read_only=True) as tables:
        looks = tables.execute(
            "SELECT step, seconds, explained_variance, overlap, ndcg_ratio, dead_share, kept FROM training_log "
            "JOIN saes USING (sae_id) JOIN models USING (model_id) WHERE models.name = ? AND saes.name = ? "
            "ORDER BY step",
            [model, name],
        ).fetchall()
    (kept,) = (look for look in looks if look[-1])
    named = (
        "best_step",
        "",
        "held_out_explained",
        "held_out_overlap",
        "held_out_ndcg_ratio",
        "held_out_dead",
    )
    found = {key: value for key, value in zip(named, kept, strict=False) if key}
    return {"steps": looks[-1][0], "seconds": round(looks[-1][1], 1)} | found


def numbers(audit: Path, model: str, name: str) -> dict[str, Any]:
    import duckdb

    with duckdb.connect(str(audit), read_only=True) as tables:
        rows = tables.execute(
            "SELECT metric, slice, value, low, high, n, metrics.unit FROM metrics JOIN saes USING (sae_id) "
            "JOIN models ON models.model_id = saes.model_id WHERE models.name = ? AND saes.name = ?",
            [model, name],
        ).fetchall()
        original = tables.execute(
            "SELECT value FROM metrics JOIN models USING (model_id) WHERE models.name = ? AND sae_id IS NULL "
            "AND metric = 'ranking.ndcg@10' AND slice = '{\"ranking\": \"original\"}'",
            [model],
        ).fetchone()
    found: dict[str, Any] = {"ndcg_original": original[0] if original else None}
    for key, (metric, slice_) in WANTED.items():
        of_metric = [row for row in rows if row[0] == metric]
        exact = [row for row in of_metric if json.loads(row[1] or "{}") == slice_]
        if exact or (of_metric and not slice_):
            _, said, *rest = (exact or of_metric)[0]
            found[key] = dict(zip(("value", "low", "high", "n", "unit"), rest, strict=True)) | {"slice": said}
    return found


if __name__ == "__main__":
    main()
