"""ReChorus' side of ``ranking.py``: its own ``BaseRunner.evaluate`` on one of its checkpoints, as JSON.

Runs in any environment that has torch, pandas, scikit-learn and tqdm; ``--rechorus`` is a clone of
THUwangcy/ReChorus (e58d752). Inside the clock: ``evaluate`` over batches that its own loader has already
made: model, scores, mask, ranks, HR and NDCG. The second clock leaves the loader in, without worker
processes, which on two cores only cost time.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Its progress bars take time even when nobody looks.
os.environ["TQDM_DISABLE"] = "1"

import numpy as np
import torch
from measure import own_peak_mib, timed, versions

CUTOFFS = [5, 10, 20, 50]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path, help="folder of train.csv, dev.csv and test.csv")
    parser.add_argument("--rechorus", type=Path, required=True, help="clone of THUwangcy/ReChorus")
    parser.add_argument("--model", required=True, help="module below src/models, e.g. sequential.SASRec")
    parser.add_argument("--heads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    stand_in_for_removed_names()
    sys.path.insert(0, str(args.rechorus / "src"))
    logging.disable()
    runner, dataset = prepared(args)
    before = own_peak_mib()

    def evaluate() -> dict[str, float]:
        return runner.evaluate(dataset, CUTOFFS, ["HR", "NDCG"])

    metrics = evaluate()
    with_loading = timed(evaluate, args.repeats)
    base = import_module("helpers.BaseRunner")
    batches = list(
        base.DataLoader(dataset, batch_size=runner.eval_batch_size, collate_fn=dataset.collate_batch)
    )
    base.DataLoader = lambda *_, **__: batches
    print(
        json.dumps(
            {
                "metrics": {name: float(value) for name, value in metrics.items()},
                "rows": len(dataset),
                "seconds": timed(evaluate, args.repeats),
                "seconds_with_loading": with_loading,
                "peak_mib": own_peak_mib(),
                "peak_before_mib": before,
                "versions": versions("torch", "numpy"),
            }
        )
    )


def stand_in_for_removed_names() -> None:
    """ReChorus was written for numpy 1.22, which still had these, and for machines with CUDA."""
    for name, type_ in (("int", int), ("float", float), ("object", object), ("bool", bool)):
        setattr(np, name, type_)
    torch.Tensor.cuda = lambda self, *_, **__: self


def prepared(args: argparse.Namespace) -> tuple[Any, Any]:
    """Runner and test data as ReChorus' ``main.py`` makes them, every option at its default."""
    model_class = getattr(import_module(f"models.{args.model}"), args.model.rpartition(".")[2])
    reader_class = getattr(import_module(f"helpers.{model_class.reader}"), model_class.reader)
    runner_class = getattr(import_module(f"helpers.{model_class.runner}"), model_class.runner)
    options = argparse.ArgumentParser()
    for parse in (reader_class.parse_data_args, runner_class.parse_runner_args, model_class.parse_model_args):
        parse(options)
    given = {
        "path": str(args.data.parent),
        "dataset": args.data.name,
        "test_all": 1,
        "num_heads": args.heads,
        "num_workers": 0,
        "train": 0,
        "log_file": "",
        "device": torch.device("cpu"),
    }
    settings = SimpleNamespace(**vars(options.parse_args([])) | given)
    corpus = reader_class(settings)
    model = model_class(settings, corpus)
    model.load_model(str(args.checkpoint))
    dataset = model_class.Dataset(model, corpus, "test")
    dataset.prepare()
    return runner_class(settings), dataset


if __name__ == "__main__":
    main()
