"""What a diff costs, and what its matching of latents costs beside the same in plain numpy and scipy.

    python benchmarks/diff.py [--latents 1024] [--users 6040] [--fired 8] [--rounds 3]

Two made-up audits with the same users; in the second every other latent fires on other users. *plain* reads the codes from
the same files, correlates them as dense matrices (``numpy.corrcoef``) and assigns (``scipy``): no chance beside it, no
metrics, lists or concepts. Both have to find the same total score. Times are processor time on one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import alternate, ratio, run, versions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("latents", 1024), ("users", 6040), ("fired", 8), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--side", choices=("make", "recaudit", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps({"make": make, "recaudit": ours, "plain": plain}[args.side](args)))
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, Path(__file__), *sys.argv[1:], "--folder", folder, "--side"]
        run([*command, "make"])
        sides = {name: lambda name=name: run([*command, name]) for name in ("recaudit", "plain")}
        found = alternate(sides, args.rounds)
    mine, other = (found[name][0].result for name in ("recaudit", "plain"))
    assert abs(mine["total"] - other["total"]) < 1e-6 * abs(other["total"]), (mine, other)
    seconds = {name: [process.cpu_seconds for process in found[name]] for name in found}
    peaks = [max(process.peak_mib for process in found[name]) for name in ("recaudit", "plain")]
    print(versions("numpy", "scipy", "duckdb"))
    print(f"{mine['a']:,} x {mine['b']:,} latents that fire, {args.users:,} users: {mine['kept']:,} kept")
    print(
        f"ratio {ratio(seconds['recaudit'], seconds['plain'])}, {seconds}, peak {peaks[0]:,.0f} / {peaks[1]:,.0f} MiB"
    )


def make(args: argparse.Namespace) -> dict[str, Any]:
    import duckdb
    import tui_store

    for name in "ab":
        tui_store.make(
            args.folder / f"{name}.duckdb", latents=args.latents, users=args.users, fired=args.fired
        )
    with duckdb.connect(args.folder / "b.duckdb") as connection:
        connection.execute("UPDATE models SET sha256 = 'b'")  # another checkpoint: the spaces do not agree
        connection.execute(
            "UPDATE activations SET entity_id = (entity_id * 7919 + latent * 13) % ? WHERE latent % 2 = 0",
            [args.users],
        )
    return {}


def ours(args: argparse.Namespace) -> dict[str, Any]:
    from recaudit.analyses.diff import compare
    from recaudit.store import reading

    with reading(args.folder / "a.duckdb") as a, reading(args.folder / "b.duckdb") as b:
        latents = compare(a, None, b, None).latents
    assert latents is not None
    total = sum(pair.score for pair in latents.pairs)
    return {"total": total, "kept": len(latents.kept), "a": latents.compared_a, "b": latents.compared_b}


def plain(args: argparse.Namespace) -> dict[str, Any]:
    import duckdb
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    codes = []
    for name in "ab":
        with duckdb.connect(args.folder / f"{name}.duckdb", read_only=True) as connection:
            rows = connection.execute("SELECT entity_id, latent, value FROM activations").fetchnumpy()
        dense = np.zeros((args.users, args.latents))
        np.add.at(dense, (rows["entity_id"], rows["latent"]), rows["value"])
        codes.append(dense[:, (dense > 0).sum(axis=0) >= 10])
    n = codes[0].shape[1]
    scores = np.corrcoef(codes[0].T, codes[1].T)[:n, n:]
    picked = linear_sum_assignment(scores, maximize=True)
    return {"total": float(scores[picked].sum())}


if __name__ == "__main__":
    main()
