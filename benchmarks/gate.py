"""Seconds for `recaudit gate` with fifty rules and a baseline on a stored audit.

    python benchmarks/gate.py AUDIT.duckdb MODEL [--rounds 5]

The audit needs `recaudit report` and `recaudit bias`. The model is blessed into a copy of the audit and judged against the
baseline file, all four outputs written, verdicts kept. Beside it, in turns: the same process doing nothing but loading
what the gate imports.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

RANKED = [f"ranking.{name}@{k}" for name in ("hr", "ndcg") for k in (5, 10, 20, 50)] + ["ranking.mrr"]
LISTED = {
    "popularity.arp@10": "max_rise",
    "popularity.long_tail_share@10": "max_drop",
    "popularity.gini@10": "max_rise",
    "popularity.coverage@10": "max_drop",
    "popularity.miscalibration@10": "max_rise",
    "popularity.lift@10": "max_rise",
}
LOADING = "import recaudit.cli.gate, recaudit.gates, recaudit.gates.keeping, recaudit.gates.outputs, rich.console, duckdb, pandas, scipy.stats"


def rules() -> str:
    """Fifty, each on a number that the audit stores."""
    asked = []
    for ranking in ("original", "reconstructed"):
        where = f'where = {{ ranking = "{ranking}" }}'
        asked += [
            (metric, where, bound) for metric in RANKED for bound in ('max_drop = "5%"', "max_drop = 0.01")
        ]
        asked += [(metric, where, f'{key} = "5%"') for metric, key in LISTED.items()]
    asked += [("fidelity.ndcg_ratio@10", "", "min = 0.8"), ("fidelity.overlap@10", "", "max_drop = 0.05")]
    assert len(asked) == 50
    return "\n".join(
        f'[[gate]]\nname = "g{n}"\nmetric = "{metric}"\n{where}\n{bound}\n'
        for n, (metric, where, bound) in enumerate(asked)
    )


@click.command()
@click.argument("db", type=click.Path(path_type=Path, exists=True))
@click.argument("model")
@click.option("--rounds", default=5, show_default=True)
def main(db: Path, model: str, rounds: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copy(db, place / "audit.duckdb")
        (place / "policy.toml").write_text(rules())

        def run(*command: str) -> float:
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, *command], cwd=place, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return time.perf_counter() - start

        run(
            "-m",
            "recaudit",
            "bless",
            model,
            "--as",
            "before",
            "--author",
            "a",
            "--reason",
            "r",
            "-o",
            "before.json",
        )
        outputs = [word for ending in ("json", "xml", "sarif", "md") for word in ("-o", f"gate.{ending}")]
        gate = [
            "-m",
            "recaudit",
            "gate",
            model,
            "--policy",
            "policy.toml",
            "--baseline",
            "before.json",
            *outputs,
        ]
        seconds, loading = [], []
        for _ in range(rounds):
            seconds.append(run(*gate))
            loading.append(run("-c", LOADING))
        size = (place / "before.json").stat().st_size
        print(
            f"gate {told(seconds)} s; loading alone {told(loading)} s; baseline file {size / 1024:,.0f} KiB"
        )


def told(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


if __name__ == "__main__":
    main()
