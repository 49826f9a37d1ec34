"""Full-ranking evaluation of one model on one data set: recaudit against the tool that trained it.

    python benchmarks/ranking.py rechorus CHECKPOINT DATA --peer-python PYTHON \\
        --rechorus CLONE --model sequential.SASRec
    python benchmarks/ranking.py recbole sample_models/recbole-sasrec.pth sample_models/movielens-small \\
        --peer-python PYTHON --ids sample_models/ids.csv --protocol recbole-seq

``PYTHON`` is the interpreter of an environment that holds the peer. The two sides run in turn, each in a
process of its own with one thread, and must first agree on HR and NDCG to four decimals. ``rank_*.py``
say what is inside their clocks; in short, forward pass, scores, mask, ranks and metrics, with batches and
histories made beforehand ("evaluation") or on the way ("with loading").

Prints the ratio of seconds, recaudit / peer, and the peak memory of either whole process, files read
included. recaudit scores a case once for all its targets; ReChorus repeats a user for every target.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, ratio, run

HERE = Path(__file__).parent
SAME = 5e-5
"""Half a unit of the fourth decimal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    peers = parser.add_subparsers(dest="peer", required=True)
    for name in ("rechorus", "recbole"):
        peer = peers.add_parser(name)
        peer.add_argument("checkpoint", type=Path)
        peer.add_argument("data", type=Path)
        peer.add_argument("--peer-python", type=Path, required=True)
        peer.add_argument("--rounds", type=int, default=5)
        if name == "rechorus":
            peer.add_argument("--rechorus", type=Path, required=True, help="clone of THUwangcy/ReChorus")
            peer.add_argument("--model", required=True, help="sequential.SASRec or general.BPRMF")
            peer.add_argument("--heads", type=int, default=1)
        else:
            peer.add_argument("--ids", type=Path, required=True)
            peer.add_argument("--protocol", required=True, help="recbole-seq or history")
            peer.add_argument("--batch", type=int, help="eval_batch_size other than the checkpoint's")
    args = parser.parse_args()

    ours, theirs = commands(args)
    found = alternate(
        {"recaudit": lambda: run(ours).result, args.peer: lambda: run(theirs).result}, args.rounds
    )
    report(found["recaudit"], found[args.peer], args.peer)


def commands(args: argparse.Namespace) -> tuple[list[str | Path], list[str | Path]]:
    """Command lines of recaudit's side and the peer's."""
    ours = [sys.executable, HERE / "rank_recaudit.py", args.checkpoint, args.data]
    theirs = [args.peer_python, HERE / f"rank_{args.peer}.py", args.checkpoint, args.data]
    if args.peer == "rechorus":
        ours += ["--protocol", "recsae", "--heads", str(args.heads)]
        theirs += ["--rechorus", args.rechorus, "--model", args.model, "--heads", str(args.heads)]
    else:
        ours += ["--protocol", args.protocol, "--ids", args.ids]
        theirs += [] if args.batch is None else ["--batch", str(args.batch)]
    return ours, theirs


def report(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], peer: str) -> None:
    mine, other = ours[0], theirs[0]
    assert mine["rows"] == other["rows"], (mine["rows"], other["rows"])
    for name, value in mine["metrics"].items():
        assert abs(value - other["metrics"][name]) < SAME, (name, value, other["metrics"][name])
    print(f"{mine['rows']:,} test rows; same HR and NDCG at 5, 10, 20, 50 to four decimals")
    print(f"recaudit: {mine['versions']}\n{peer}: {other['versions']}")
    for clock, title in (("seconds", "evaluation"), ("seconds_with_loading", "with loading")):
        pair = [[median(process[clock]) for process in side] for side in (ours, theirs)]
        print(
            f"{title}: recaudit / {peer} = {ratio(*pair)}; "
            f"{median(pair[0]):.3f} s against {median(pair[1]):.3f} s"
        )
    peaks = [[process["peak_mib"] for process in side] for side in (ours, theirs)]
    print(
        f"peak memory: recaudit / {peer} = {ratio(*peaks)}; "
        f"{median(peaks[0]):,.0f} MiB against {median(peaks[1]):,.0f} MiB"
    )


if __name__ == "__main__":
    main()
