"""Reading a torch state dict of 200 MB: ``read_checkpoint`` against ``torch.load(weights_only=True)``.

    python benchmarks/read_checkpoint.py [--mib 200]

recaudit reads in a child process with bounds on memory and time, hashes the file, walks its pickle without
running it and hands the arrays back through a temporary file; torch reads in place. Each side runs in
processes of its own, in turn, with its imports done before the clock starts: the ratio is of the call
alone, the start of recaudit's child included. A second ratio adds one pass over all values, so that a lazy
mapping cannot pass for reading. Memory: the whole process, and recaudit's child beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, children_peak_mib, own_peak_mib, ratio, run

TENSORS = 8
WIDTH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mib", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--side", choices=["make", "recaudit", "torch"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side == "make":
        write_state(args.file, args.mib)
    elif args.side:
        print(json.dumps(measured(args.side, args.file)))
    else:
        compare(args.mib, args.rounds)


def compare(mib: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.pt"

        def side(name: str) -> Any:
            command = [sys.executable, __file__, "--side", name, "--file", file, "--mib", str(mib)]
            return run(command)

        side("make")
        size = file.stat().st_size
        found = alternate({n: lambda n=n: side(n).result for n in ("recaudit", "torch")}, rounds)
    ours, theirs = found["recaudit"], found["torch"]
    for clock, title in (("call", "the call alone"), ("summed", "call and one pass over the values")):
        pair = [[each[clock] for each in side] for side in (ours, theirs)]
        print(
            f"{title}: recaudit / torch = {ratio(*pair)}; "
            f"{median(pair[0]):.3f} s against {median(pair[1]):.3f} s ({size / 1e6:.0f} MB)"
        )
    peak, child, other = (
        max(each[name] for each in side)
        for side, name in ((ours, "peak_mib"), (ours, "child_mib"), (theirs, "peak_mib"))
    )
    print(f"peak: recaudit {peak:.0f} MiB and its child {child:.0f} MiB; torch {other:.0f} MiB")


def write_state(file: Path, mib: int) -> None:
    import torch

    torch.manual_seed(0)
    rows = mib * 2**20 // (TENSORS * WIDTH * 4)
    torch.save({f"table{i}.weight": torch.randn(rows, WIDTH) for i in range(TENSORS)}, file)


def measured(side: str, file: Path) -> dict[str, float]:
    read = recaudit_reader() if side == "recaudit" else torch_reader()
    started = time.perf_counter()
    tables = read(file)
    call = time.perf_counter() - started
    total = sum(float(table.sum()) for table in tables)
    summed = time.perf_counter() - started
    assert abs(total) > 0
    return {
        "call": call,
        "summed": summed,
        "peak_mib": own_peak_mib(),
        "child_mib": children_peak_mib(),
    }


def recaudit_reader() -> Any:
    from recaudit.checkpoints import read_checkpoint

    return lambda file: list(read_checkpoint(file).tree.values())


def torch_reader() -> Any:
    import torch

    return lambda file: list(torch.load(file, weights_only=True).values())


if __name__ == "__main__":
    main()
