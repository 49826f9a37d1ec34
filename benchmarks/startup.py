"""How soon recaudit answers: its commands against the bare imports they cannot do without.

    python benchmarks/startup.py

``--help`` needs click, ``report`` needs duckdb and numpy. Every process is started afresh, in turn; byte
code and disk cache are warm. The ratio is of whole processes, interpreter included. After it come the
modules that cost most, by ``-X importtime`` (microseconds in the module itself).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from measure import alternate, ratio, run

RECAUDIT = Path(sys.executable).with_name("recaudit")
REPORT = (
    "import recaudit.cli.report, recaudit.report, recaudit.report.terminal, recaudit.store, "
    "recaudit.analyses.audit"
)
SHOWN = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    compare("recaudit --help", [RECAUDIT, "--help"], "import click", rounds)
    print_dearest("from recaudit.cli import run_line; run_line(['--help'])")
    compare("imports of recaudit report", [sys.executable, "-c", REPORT], "import duckdb, numpy", rounds)
    print_dearest(REPORT)


def compare(title: str, ours: Sequence[str | Path], theirs: str, rounds: int) -> None:
    sides = {"ours": lambda: run(ours), "theirs": lambda: run([sys.executable, "-c", theirs])}
    # One round more than asked for: the first warms the disk cache.
    found = {name: processes[1:] for name, processes in alternate(sides, rounds + 1).items()}
    seconds = {name: [process.seconds for process in processes] for name, processes in found.items()}
    peaks = {name: max(process.peak_mib for process in processes) for name, processes in found.items()}
    print(
        f"{title} / {theirs} = {ratio(seconds['ours'], seconds['theirs'])}; "
        f"{1000 * median(seconds['ours']):.0f} ms against {1000 * median(seconds['theirs']):.0f} ms, "
        f"{peaks['ours']:.0f} MiB against {peaks['theirs']:.0f} MiB"
    )


def print_dearest(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True
    )
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()[1:]]
    for own, _, module in sorted(rows, key=lambda row: -int(row[0]))[:SHOWN]:
        print(f"  {int(own):>8,} µs {module.strip()}")


if __name__ == "__main__":
    main()
