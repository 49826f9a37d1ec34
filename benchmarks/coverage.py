"""Every latent against every concept: recaudit at once against scikit-learn and scipy pair by pair.

    python benchmarks/coverage.py [--latents 1024] [--concepts 1000] [--entities 10000] [--pairs 200]

Both sides make AUC, average precision, best F1 and the hypergeometric p of the same made-up world (sparse
codes that fire on 3 % of the items, tags of 10 to 3,000 items) on one thread; times are processor time. The
loop runs over a seeded sample of pairs, which must first agree with recaudit's to nine digits, and its time
is extrapolated to all pairs in the same round. recaudit's clock holds Benjamini-Hochberg over all pairs too,
the loop's does not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from measure import alternate, ratio, run, versions

SAME = 1e-9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name, default in (
        ("latents", 1024),
        ("concepts", 1000),
        ("entities", 10_000),
        ("pairs", 200),
        ("rounds", 5),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(
        "--dense", action="store_true", help="every item has a score, as under an attribution rule"
    )
    parser.add_argument("--side", choices=("recaudit", "loop"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(side(args)))
        return
    command = [sys.executable, Path(__file__), *sys.argv[1:], "--side"]
    found = alternate(
        {name: lambda name=name: run([*command, name]).result for name in ("recaudit", "loop")}, args.rounds
    )
    report(args, found["recaudit"], found["loop"])


def report(args: argparse.Namespace, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    for mine, other in zip(ours[0]["sample"], theirs[0]["sample"], strict=True):
        for a, b in zip(mine, other, strict=True):
            assert abs(a - b) <= SAME * max(abs(b), 1e-3), (mine, other)
    n_pairs = args.latents * args.concepts
    seconds = [process["seconds"] for process in ours]
    extrapolated = [process["seconds"] / args.pairs * n_pairs for process in theirs]
    print(versions("numpy", "scipy", "scikit-learn"))
    print(
        f"{args.latents:,} latents x {args.concepts:,} concepts x {args.entities:,} items, {args.pairs} pairs equal"
    )
    print(
        f"recaudit {median(seconds):.2f} s ({min(seconds):.2f}–{max(seconds):.2f}) for all {n_pairs:,} pairs"
    )
    per_pair = median(process["seconds"] for process in theirs) / args.pairs
    print(f"loop {1000 * per_pair:.1f} ms a pair: {median(extrapolated):,.0f} s for all, extrapolated")
    print(f"recaudit / loop = {ratio(seconds, extrapolated)}")
    print(f"peak memory: {median(process['peak_mib'] for process in ours):,.0f} MiB")


def side(args: argparse.Namespace) -> dict[str, Any]:
    """One process: seconds, and the figures of the sampled pairs."""
    import time

    import numpy as np
    from measure import own_peak_mib
    from scipy.sparse import csr_array, random_array

    rng = np.random.default_rng(0)
    shape = (args.entities, args.latents)
    scores = rng.random(shape) if args.dense else random_array(shape, density=0.03, rng=rng, format="csc")
    sizes = np.clip(rng.pareto(1, args.concepts) * 15 + 10, 10, 0.3 * args.entities).astype(int)
    row = np.concatenate([rng.choice(args.entities, size, replace=False) for size in sizes])
    column = np.repeat(np.arange(args.concepts), sizes)
    labels = csr_array((np.ones(len(row)), (row, column)), shape=(args.entities, args.concepts))
    sample = np.column_stack(
        [rng.integers(0, args.latents, args.pairs), rng.integers(0, args.concepts, args.pairs)]
    )
    work = at_once if args.side == "recaudit" else pair_by_pair
    work(scores[:, :2], labels[:, :2], np.zeros((1, 2), np.int64))  # imports and first calls are not counted
    started = time.process_time()  # one thread each, and neither waits for anything but the processor
    figures = work(scores, labels, sample)
    return {"seconds": time.process_time() - started, "sample": figures, "peak_mib": own_peak_mib()}


def at_once(scores: Any, labels: Any, sample: Any) -> list[list[float]]:
    """All pairs; figures of the sampled ones."""
    import numpy as np

    from recaudit.metrics.association import associations
    from recaudit.metrics.enrichment import false_discovery, log_enrichment_p

    n, n_concepts = labels.shape
    found = associations(scores, labels)
    fires = (scores > 0).sum(axis=0)
    n_with = np.bincount(labels.indices, minlength=n_concepts)
    p = np.exp(log_enrichment_p(found.both, np.asarray(fires)[:, None], n_with[None], n))
    false_discovery(p)
    return [[float(part[j, c]) for part in (found.auc, found.ap, found.f1, p)] for j, c in sample]


def pair_by_pair(scores: Any, labels: Any, sample: Any) -> list[list[float]]:
    """The sampled pairs, one after the other, columns already dense."""
    import numpy as np
    from scipy.stats import hypergeom
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

    figures = []
    columns = labels.tocsc()
    for j, c in sample:
        s = scores[:, [j]].toarray().ravel() if hasattr(scores, "toarray") else scores[:, j]
        y = columns[:, [c]].toarray().ravel()
        precision, recall, _ = precision_recall_curve(y, s)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        both = int((y * (s > 0)).sum())
        p = hypergeom.sf(both - 1, len(y), int(y.sum()), int((s > 0).sum()))
        figures.append([roc_auc_score(y, s), average_precision_score(y, s), f1.max(), p])
    return [[float(value) for value in row] for row in figures]


if __name__ == "__main__":
    main()
