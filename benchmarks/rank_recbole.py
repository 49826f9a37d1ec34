"""RecBole's side of ``ranking.py``: its own ``Trainer.evaluate`` on one of its checkpoints, as JSON.

Runs in an environment that has RecBole 1.2.1 and pyarrow. RecBole reads its data again from a file of its
own format, which is made here, in a temporary folder, from ``interactions.parquet`` (columns user_id,
item_id; rows in time order within a user). Inside the clock: ``evaluate`` over batches that its own loader
has already made: model, scores, mask, top-k, metrics. The second clock leaves the loader in.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

# RecBole loads its own files by torch.load, which refuses them unless told to trust them.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import numpy as np
import pandas as pd
import torch
from measure import own_peak_mib, timed, versions

CUTOFFS = [5, 10, 20, 50]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("data", type=Path, help="folder of interactions.parquet")
    parser.add_argument("--batch", type=int, help="eval_batch_size instead of the checkpoint's")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    warnings.simplefilter("ignore")
    checkpoint, interactions = args.checkpoint.resolve(), args.data.resolve() / "interactions.parquet"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        trainer, loader = prepared(checkpoint, interactions, args.batch)
    before = own_peak_mib()

    def evaluate() -> dict[str, float]:
        return trainer.evaluate(loader, load_best_model=False)

    metrics = evaluate()
    with_loading = timed(evaluate, args.repeats)
    batches = list(loader)
    type(loader).__iter__ = lambda self: iter(batches)
    print(
        json.dumps(
            {
                # With one target a row, RecBole's Recall is HR.
                "metrics": {
                    name.replace("recall", "HR").upper(): float(value) for name, value in metrics.items()
                },
                "rows": len(loader._dataset.inter_feat),
                "seconds": timed(evaluate, args.repeats),
                "seconds_with_loading": with_loading,
                "peak_mib": own_peak_mib(),
                "peak_before_mib": before,
                "versions": versions("recbole", "torch", "numpy"),
            }
        )
    )


def prepared(checkpoint: Path, interactions: Path, batch: int | None) -> tuple[Any, Any]:
    """The trainer of a saved model and the loader of its test rows."""
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    # RecBole puts back these names, gone from numpy, when it makes a config; a saved config skips that.
    for name, type_ in (("int", int), ("float", float), ("object", object), ("bool", bool)):
        setattr(np, name, type_)
    # Some were trained on a GPU.
    saved = torch.load(checkpoint, map_location="cpu")
    config = saved["config"]
    config["device"] = torch.device("cpu")
    config["metrics"], config["topk"] = ["Recall", "NDCG"], CUTOFFS
    config["metric_decimal_place"] = 6
    if batch is not None:
        config["eval_batch_size"] = batch
    write_atomic(config, interactions)
    init_seed(config["seed"], config["reproducibility"])
    logging.disable()
    train, _, test = data_preparation(config, create_dataset(config))
    model = get_model(config["model"])(config, train._dataset)
    model.load_state_dict(saved["state_dict"])
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    # One of RecBole's models (SINE) turns this on for everybody when it is imported.
    torch.autograd.set_detect_anomaly(False)
    return trainer, test


def write_atomic(config: Any, interactions: Path) -> None:
    table = pd.read_parquet(interactions)
    # RecBole keeps times as float32, too coarse to order them; places in the history survive.
    # Rows in another order than time, so that RecBole numbers users and items as a checkpoint has them, say their place.
    order = table["place"] if "place" in table else table.groupby("user_id").cumcount()
    columns = {
        f"{config['USER_ID_FIELD']}:token": table["user_id"],
        f"{config['ITEM_ID_FIELD']}:token": table["item_id"],
        f"{config['TIME_FIELD']}:float": order,
    }
    name = config["dataset"]
    file = Path(config["data_path"]) / f"{name}.inter"
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
