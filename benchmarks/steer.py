"""One steered evaluation of every user and every item, beside RecBole's full-sort evaluation of the same model on the same rows.

    python benchmarks/steer.py AUDIT CHECKPOINT DATA --peer-python PYTHON

``AUDIT`` holds RecBole's ``CHECKPOINT`` with a dictionary; ``DATA`` is a folder of ``interactions.parquet`` as ``rank_recbole.py`` reads
it. The NDCG@10 of the model as it is must be the same on both sides before a time is printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median

from measure import run

HERE = Path(__file__).parent
EDITS = ("project direction=popularity by=0.1", "scale select=concept:Horror by=-10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audit", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peer-python", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(
        "| round | RecBole, s | "
        + " | ".join(f"{edit}, ms" for edit in EDITS)
        + " | ratio |\n|---|---|---|---|---|"
    )
    ratios = []
    for number in range(1, args.rounds + 1):
        peer = run([args.peer_python, HERE / "rank_recbole.py", args.checkpoint, args.data]).result
        own = [
            run([sys.executable, HERE / "steer_recaudit.py", args.audit, "--edit", edit]).result
            for edit in EDITS
        ]
        if abs(own[0]["ndcg"] - peer["metrics"]["NDCG@10"]) > 5e-5:
            sys.exit(f"NDCG@10 differs: {own[0]['ndcg']:.6f} here, {peer['metrics']['NDCG@10']:.6f} there")
        theirs, ours = median(peer["seconds"]), [median(one["seconds"]) for one in own]
        ratios.append(ours[0] / theirs)
        print(
            f"| {number} | {theirs:.2f} | "
            + " | ".join(f"{1000 * s:.0f}" for s in ours)
            + f" | {ratios[-1]:.3f} |",
            flush=True,
        )
    print(
        f"\n{own[0]['rows']:,} rows, {own[0]['items']:,} items, NDCG@10 {own[0]['ndcg']:.4f} on both sides; moved "
        f"{' and '.join(format(one['moved'], ',') for one in own)} users; ratio {median(ratios):.3f} "
        f"({min(ratios):.3f}–{max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
