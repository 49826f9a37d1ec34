"""Rows a second of a training step of a top-k autoencoder, beside the arithmetic that no step can do without.

    python benchmarks/train_throughput.py [--rows 262144] [--batch 1024] [--dim 64] [--latents 1024] [--k 8]

Synthetic, seeded vectors pass once in batches of one size. The sides take turns, each in a process of its
own with one thread:

bare      forward only, nothing kept: ``x @ W.T + b`` and ``topk`` (encoder), then the ``k`` decoder rows of
          each row gathered and weighed (decoder)
forward   the same with a dense decoder, ``scatter`` and a second product, as RecSAE and the notebooks write it
autograd  a training step as one would write it first: bare's forward recorded, mean squared error, backward,
          Adam (torch's own, fused loops off) on all four tensors
recaudit  ``recaudit.sae.training`` with its own settings at these sizes: steps times batch over the seconds that
          it logs itself, in which drawing batches, AuxK and unit-length decoders are but the one look is not

Ratios are rows a second over ``bare``'s, so higher is better, and 1 would be a step that costs no more than
its forward half. Peak memory is the whole process's, the vectors and what was imported included.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from measure import Process, alternate, ratio, run, versions

SIDES = ("bare", "forward", "autograd", "recaudit")
SHAPE = {"rows": 1 << 18, "batch": 1024, "dim": 64, "latents": 1024, "k": 8}
WARM_UP = 8
"""Batches before the clock starts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in SHAPE.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps({"rows_per_second": rows_per_second(args)}))
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    shape = [f"--{name}={getattr(args, name)}" for name in SHAPE]

    def side(name: str) -> Callable[[], Process]:
        return lambda: run([sys.executable, __file__, "--side", name, *shape])

    found = alternate({name: side(name) for name in args.sides}, args.rounds)
    print(" ".join(shape), versions("recaudit", "torch", "numpy"))
    rates = {name: [process.result["rows_per_second"] for process in found[name]] for name in found}
    for name, processes in found.items():
        against = f", {ratio(rates[name], rates['bare'])} of bare" if "bare" in rates else ""
        peak = max(process.peak_mib for process in processes)
        print(f"{name}: {median(rates[name]):,.0f} rows/s{against}, peak {peak:,.0f} MiB")


def vectors(args: argparse.Namespace) -> Any:
    """[rows, dim] of a mixture: every row is a few of twice as many directions as there are dimensions."""
    import numpy as np

    rng = np.random.default_rng(0)
    directions = rng.standard_normal((2 * args.dim, args.dim), dtype=np.float32)
    picks = rng.integers(0, len(directions), (args.rows, 4))
    return sum(directions[column] for column in picks.T)


def rows_per_second(args: argparse.Namespace) -> float:
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    if args.side == "recaudit":
        return recaudit(args)
    step = {"bare": bare, "forward": forward, "autograd": autograd}[args.side](args)
    x = torch.from_numpy(vectors(args))
    batches = [x[start : start + args.batch] for start in range(0, args.rows, args.batch)]
    for batch in batches[:WARM_UP]:
        step(batch)
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    return args.rows / (time.perf_counter() - started)


def recaudit(args: argparse.Namespace) -> float:
    from recaudit.sae.training import Settings
    from recaudit.sae.training.trainer import TrainingData, train

    x = vectors(args)
    data = TrainingData(train={"case": x}, held_out={"case": x[: args.batch]}, interactions=0)

    def trained(steps: int) -> Any:
        settings = Settings(
            k=args.k, latents=args.latents, batch=args.batch, max_steps=steps, look_every=steps
        )
        return train(data, settings, judge=lambda _: (1.0, None)).looks[-1]

    trained(WARM_UP)
    look = trained(args.rows // args.batch)
    return look.step * args.batch / look.seconds


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


if __name__ == "__main__":
    main()
