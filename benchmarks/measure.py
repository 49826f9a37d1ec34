"""What every benchmark here shares: run the sides as processes, take turns, compare round by round.

A ratio is ours over theirs, so below 1 recaudit is the faster. It is taken within each round, where both
sides met the same noise, and given as ``median (min–max)`` over the rounds. This file needs the standard
library alone, so that it can be imported in an environment that holds only the peer.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Idle threads of one pool must not take the core from another.
    "OMP_WAIT_POLICY": "passive",
}


@dataclass(frozen=True)
class Process:
    """A finished process. ``peak_mib`` is that of the largest among it and its children.

    ``cpu_seconds`` is the time that it and its children really had: the better one on a busy machine.
    """

    seconds: float
    peak_mib: float
    output: str
    cpu_seconds: float = 0.0

    @property
    def result(self) -> Any:
        """The JSON on its last line."""
        return json.loads(self.output.splitlines()[-1])


def run(command: Sequence[str | Path], *, cwd: Path | None = None, **variables: str) -> Process:
    """Run to the end, on one thread unless ``variables`` say otherwise; a failure ends the benchmark.

    Linux starts the peak of a child at what its parent held, so whoever calls this keeps numpy and torch
    out of its own process.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(os.fspath, command)),
            stdout=output,
            stderr=errors,
            env=os.environ | ONE_THREAD | variables,
            cwd=cwd,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{' '.join(process.args)}\nended with {process.returncode}:\n{errors.read()}")
        output.seek(0)
        spent = usage.ru_utime + usage.ru_stime
        return Process(seconds, usage.ru_maxrss / 1024, output.read(), spent)


def own_peak_mib() -> float:
    """The most memory this process has held so far (resident, Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not say how much memory a process has held")


def children_peak_mib() -> float:
    """The most memory any one finished child of this process has held."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    """Seconds of each of ``repeats`` calls, after one that is not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return seconds


def alternate(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Every side once a round, in turn; the order turns round too, so that none always goes first."""
    found: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            found[name].append(sides[name]())
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """``median (min–max)`` of ours / theirs, round by round."""
    each = [a / b for a, b in zip(ours, theirs, strict=True)]
    return f"{median(each):.3g} ({min(each):.3g}–{max(each):.3g})"


def versions(*packages: str) -> dict[str, str]:
    """Versions of installed packages, for the line that says what was measured."""
    from importlib.metadata import version

    return {"python": sys.version.split()[0]} | {name: version(name) for name in packages}
