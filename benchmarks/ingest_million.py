"""A million users through a sparse autoencoder: the bare arithmetic, ``encode``, and a whole ingestion.

    python benchmarks/ingest_million.py [--users 1000000] [--folder FOLDER]

Everything is synthetic and seeded: 64-wide user and item tables, 2,000 items, three interactions a user,
an autoencoder of 1,024 latents with k = 8 in sparsify's layout. Three things are run in turn, each in
processes of its own with one thread:

bare    ``x @ W.T`` and ``topk`` in torch, over the batches recaudit uses; results thrown away
encode  ``SparseAutoencoder.encode`` of the same matrix: codes of all rows, sorted and kept
ingest  the command ``recaudit ingest``: checkpoint and data read, bound, encoded, checked and stored

The clock of the first two is around that call; that of ``ingest`` is around the whole process. Ratios are
over ``bare``. At the end, one more ingestion under cProfile says where the time goes (the profiler itself
makes many small calls look dearer than they are).
"""

from __future__ import annotations

import argparse
import json
import pstats
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, own_peak_mib, ratio, run, timed

DIM, LATENTS, K = 64, 1024, 8
ITEMS, PER_USER = 2_000, 3
SHOWN = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the temporary files go")
    parser.add_argument("--side", choices=["make", "bare", "encode"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side == "make":
        make(args.folder, args.users)
    elif args.side:
        print(json.dumps(measured(args.side, args.folder)))
    else:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            compare(Path(folder), args.users, args.rounds)


def compare(folder: Path, users: int, rounds: int) -> None:
    def side(name: str) -> Any:
        return run([sys.executable, __file__, "--side", name, "--folder", folder, "--users", str(users)])

    audit = folder / "audit.duckdb"
    arguments: list[str | Path] = ["recaudit", "ingest", folder / "model.npz", "--data", folder / "data"]
    arguments += ["--sae", folder / "sae", "--ids", "rows", "--split", "random", "--db", audit]

    def ingest(*profiler: str | Path) -> dict[str, float]:
        audit.unlink(missing_ok=True)
        process = run([sys.executable, *profiler, "-m", *arguments])
        return {"seconds": process.seconds, "peak_mib": process.peak_mib}

    side("make")
    sides = {"bare": lambda: side("bare").result, "encode": lambda: side("encode").result, "ingest": ingest}
    found = alternate(sides, rounds)
    seconds = {name: [each["seconds"] for each in results] for name, results in found.items()}
    for name, results in found.items():
        typical = median(seconds[name])
        print(
            f"{name}: {typical:.2f} s, {users / typical:,.0f} rows/s, "
            f"{ratio(seconds[name], seconds['bare'])} of bare, "
            f"peak {max(each['peak_mib'] for each in results):,.0f} MiB"
        )
    print(f"audit file: {audit.stat().st_size / 1e6:,.0f} MB")

    profile = folder / "profile"
    ingest("-m", "cProfile", "-o", profile)
    stats = pstats.Stats(str(profile))
    stats.sort_stats("cumulative").print_stats(r"recaudit.(?!cli)", SHOWN)
    stats.strip_dirs().sort_stats("tottime").print_stats(SHOWN)


def make(folder: Path, users: int) -> None:
    """Model, data and autoencoder; a random dictionary whose latents see real directions."""
    import numpy as np
    import pandas as pd
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    decoder = rng.standard_normal((LATENTS, DIM), dtype=np.float32)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    tables = {"user": (users, DIM), "item": (ITEMS, DIM)}
    np.savez(
        folder / "model.npz",
        **{name: rng.standard_normal(shape, dtype=np.float32) for name, shape in tables.items()},
    )
    (folder / "data").mkdir()
    interactions = {
        "user_id": np.repeat(np.arange(users), PER_USER),
        "item_id": rng.integers(0, ITEMS, users * PER_USER),
    }
    pd.DataFrame(interactions).to_csv(folder / "data" / "interactions.csv", index=False)
    (folder / "sae").mkdir()
    (folder / "sae" / "cfg.json").write_text(json.dumps({"activation": "topk", "k": K, "d_in": DIM}))
    weights = {
        "encoder.weight": decoder,
        "encoder.bias": np.zeros(LATENTS, np.float32),
        "W_dec": decoder,
        "b_dec": rng.standard_normal(DIM, dtype=np.float32) / 10,
    }
    save_file(weights, folder / "sae" / "sae.safetensors")


def measured(side: str, folder: Path) -> dict[str, float]:
    import numpy as np

    vectors = np.load(folder / "model.npz")["user"]
    work = {"bare": bare, "encode": encode}[side](folder / "sae" / "sae.safetensors", vectors)
    return {"seconds": timed(work, 1)[0], "peak_mib": own_peak_mib()}


def bare(weights: Path, vectors: Any) -> Callable[[], object]:
    import torch
    from safetensors.torch import load_file

    from recaudit.sae import autoencoder

    encoder, x = load_file(weights)["encoder.weight"], torch.from_numpy(vectors)
    size = autoencoder._BATCH_CELLS // LATENTS

    @torch.inference_mode()
    def work() -> None:
        for start in range(0, len(x), size):
            torch.topk(x[start : start + size] @ encoder.T, K, dim=1, sorted=False)

    return work


def encode(weights: Path, vectors: Any) -> Callable[[], object]:
    from recaudit.checkpoints import read_checkpoint, tools
    from recaudit.sae import SparseAutoencoder

    sae = SparseAutoencoder(tools.read_sae(read_checkpoint(weights), tools.Hints()))
    return lambda: sae.encode(vectors)


if __name__ == "__main__":
    main()
