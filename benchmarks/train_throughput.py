"""Rows a second of a training step of a top-k autoencoder, beside the arithmetic that no step can do without.

    python benchmarks/train_throughput.py [--rows 262144] [--batch 1024] [--dim 64] [--latents 1024] [--k 8]

Synthetic, seeded vectors pass once in batches of one size. The sides take turns, each in a process of its
own with one thread:

bare      forward only, nothing kept: ``x @ W.T + b`` and ``topk`` (encoder), then the ``k`` decoder rows of
          each row gathered and weighed (decoder)
forward   the same with a dense decoder, ``scatter`` and a second product, as RecSAE and the notebooks write it
autograd  a training step as one would write it first: bare's forward recorded, mean squared error, backward,
          Adam (torch's own, fused loops off) on all four tensors
recaudit  ``recaudit train`` on a stored model of the same vectors: steps by rows over seconds of its training
          log, looks not counted

Ratios are rows a second over ``bare``'s, so at most 1 and higher is better. Peak memory is the whole
process's, 4 bytes x rows x dim of vectors included. ``recaudit`` ends in an error where the command is missing;
``--sides`` picks.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from measure import Process, alternate, ratio, run, versions

IN_PROCESS = ("bare", "forward", "autograd")
SIDES = (*IN_PROCESS, "recaudit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (("rows", 1 << 18), ("batch", 1024), ("dim", 64), ("latents", 1024), ("k", 8)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument(
        "--train", default="", metavar="ARGS", help="more arguments of recaudit train, in quotes"
    )
    parser.add_argument("--side", choices=IN_PROCESS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps({"rows_per_second": rows_per_second(args)}))
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    shape = [f"--{name}={getattr(args, name)}" for name in ("rows", "batch", "dim", "latents", "k")]

    def in_process(name: str) -> Callable[[], tuple[float, float]]:
        def once() -> tuple[float, float]:
            process: Process = run([sys.executable, __file__, "--side", name, *shape])
            return process.result["rows_per_second"], process.peak_mib

        return once

    with tempfile.TemporaryDirectory() as folder:
        sides = {name: in_process(name) for name in args.sides if name in IN_PROCESS}
        if "recaudit" in args.sides:
            audit = stored_model(Path(folder), args)
            sides["recaudit"] = lambda: trained(audit, args)
        found = alternate(sides, args.rounds)
    print(f"{shape}, {versions('recaudit', 'torch', 'numpy')}")
    for name, results in found.items():
        rates = [rate for rate, _ in results]
        against = ratio(rates, [rate for rate, _ in found["bare"]]) if "bare" in found else "-"
        peak = max(peak for _, peak in results)
        print(f"{name}: {median(rates):,.0f} rows/s, {against} of bare, peak {peak:,.0f} MiB")


def vectors(args: argparse.Namespace) -> Any:
    """[rows, dim] of a mixture: every row is a few of twice as many directions as there are dimensions."""
    import numpy as np

    rng = np.random.default_rng(0)
    directions = rng.standard_normal((2 * args.dim, args.dim), dtype=np.float32)
    picks = rng.integers(0, len(directions), (args.rows, 4))
    return sum(directions[column] for column in picks.T)


def rows_per_second(args: argparse.Namespace) -> float:
    """One pass over all rows, after a warm-up of eight batches that is not counted."""
    import torch

    torch.manual_seed(0)
    step = {"bare": bare, "forward": forward, "autograd": autograd}[args.side](args)
    batches = torch.from_numpy(vectors(args)).split(args.batch)
    for x in batches[:8]:
        step(x)
    started = time.perf_counter()
    for x in batches:
        step(x)
    return args.rows / (time.perf_counter() - started)


def weights(args: argparse.Namespace) -> tuple[Any, Any, Any, Any]:
    """Encoder [latents, dim], its bias, decoder [latents, dim] with rows of unit length, pre-bias."""
    import torch

    encoder = torch.nn.functional.normalize(torch.randn(args.latents, args.dim))
    return encoder, torch.zeros(args.latents), encoder.clone(), torch.zeros(args.dim)


def bare(args: argparse.Namespace) -> Callable[[Any], object]:
    import torch

    encoder, bias, decoder, _ = weights(args)

    @torch.inference_mode()
    def step(x: Any) -> Any:
        value, latent = torch.addmm(bias, x, encoder.T).topk(args.k, dim=1, sorted=False)
        return torch.bmm(value.unsqueeze(1), decoder[latent]).squeeze(1)

    return step


def forward(args: argparse.Namespace) -> Callable[[Any], object]:
    import torch

    encoder, bias, decoder, _ = weights(args)

    @torch.inference_mode()
    def step(x: Any) -> Any:
        pre = torch.addmm(bias, x, encoder.T).relu()
        value, latent = pre.topk(args.k, dim=1)
        return torch.zeros_like(pre).scatter_(1, latent, value) @ decoder

    return step


def autograd(args: argparse.Namespace) -> Callable[[Any], object]:
    import torch

    parameters = [torch.nn.Parameter(tensor) for tensor in weights(args)]
    encoder, bias, decoder, pre_bias = parameters
    optimiser = torch.optim.Adam(parameters, lr=1e-3)

    def step(x: Any) -> None:
        value, latent = torch.addmm(bias, x - pre_bias, encoder.T).relu().topk(args.k, dim=1, sorted=False)
        again = torch.bmm(value.unsqueeze(1), decoder[latent]).squeeze(1) + pre_bias
        optimiser.zero_grad()
        (again - x).square().mean().backward()
        optimiser.step()

    return step


def stored_model(folder: Path, args: argparse.Namespace) -> Path:
    """An audit with a model whose user vectors are the rows, made in a process of its own."""
    script = (
        "import sys, types, numpy as np, pandas as pd; sys.path.insert(0, sys.argv[1])\n"
        "from train_throughput import vectors\n"
        "rows, dim, folder = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]\n"
        "items = np.random.default_rng(1).standard_normal((500, dim), dtype=np.float32)\n"
        "np.savez(f'{folder}/model.npz', user=vectors(types.SimpleNamespace(rows=rows, dim=dim)), item=items)\n"
        "users = np.repeat(np.arange(rows), 3)\n"
        "liked = np.random.default_rng(2).integers(0, 500, len(users))\n"
        "pd.DataFrame({'user_id': users, 'item_id': liked}).to_csv(f'{folder}/liked.csv', index=False)\n"
    )
    run([sys.executable, "-c", script, Path(__file__).parent, str(args.rows), str(args.dim), folder])
    audit = folder / "audit.duckdb"
    command: list[str | Path] = [
        "ingest",
        folder / "model.npz",
        "--data",
        folder / "liked.csv",
        "--ids",
        "rows",
    ]
    run([sys.executable, "-m", "recaudit", *command, "--split", "random", "--name", "model", "--db", audit])
    return audit


def trained(audit: Path, args: argparse.Namespace) -> tuple[float, float]:
    """Rows a second by the training log of ``recaudit train``, and the peak of the whole command."""
    import duckdb

    command = ["train", "model", "--seed", "0", *args.train.split(), "--db", audit]
    process = run([sys.executable, "-m", "recaudit", *command])
    with duckdb.connect(str(audit), read_only=True) as tables:
        step, seconds = tables.sql(
            "SELECT step, seconds FROM training_log JOIN saes USING (sae_id) WHERE role = 'sae' "
            "ORDER BY sae_id DESC, step DESC LIMIT 1"
        ).fetchall()[0]
    return step * args.batch / seconds, process.peak_mib


if __name__ == "__main__":
    main()
