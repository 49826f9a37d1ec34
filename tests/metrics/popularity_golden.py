"""Numbers of RecBole's and evidently's own popularity metrics on made-up lists, for ``test_popularity.py``.

Run by hand, each library in an environment of its own, and paste what it prints::

    python tests/metrics/popularity_golden.py recbole      # recbole 1.2.1, numpy < 2
    python tests/metrics/popularity_golden.py evidently    # evidently 0.7, pandas < 3
"""

import json
import sys

import numpy as np

USERS, ITEMS, K = 60, 45, 10


def lists() -> tuple[np.ndarray, np.ndarray]:
    """Lists [users, K] of distinct items from 1 and training counts [items + 1]; row 0 is RecBole's padding."""
    weights = 1 / np.arange(1, ITEMS + 1)
    rng = np.random.RandomState(7)
    rows = [
        1 + rng.choice(ITEMS - 5, K, replace=False, p=(w := weights[:-5]) / w.sum()) for _ in range(USERS)
    ]
    counts = np.concatenate([[0], rng.poisson(200 * weights)])
    return np.array(rows), counts


def recbole() -> dict[str, float]:
    import torch
    from recbole.evaluator import metrics

    rows, counts = lists()
    data = {
        "rec.items": torch.tensor(rows),
        "data.num_items": ITEMS + 1,
        "data.count_items": {i: int(n) for i, n in enumerate(counts) if n},
    }
    config = {"topk": [K], "metric_decimal_place": 12, "tail_ratio": 0.2}
    found: dict[str, float] = {}
    for name in ("AveragePopularity", "GiniIndex", "ItemCoverage", "ShannonEntropy", "TailPercentage"):
        found |= getattr(metrics, name)(config).calculate_metric(data)
    return {key: float(value) for key, value in found.items()}


def evidently() -> dict[str, float]:
    import pandas as pd
    from evidently.legacy.metrics import PopularityBias
    from evidently.legacy.pipeline.column_mapping import ColumnMapping, RecomType
    from evidently.legacy.report import Report

    rows, counts = lists()
    shown = pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(USERS), K),
            "item_id": rows.ravel(),
            "prediction": np.tile(np.arange(1, K + 1), USERS),
            "target": 0,
        }
    )
    train = pd.DataFrame({"item_id": np.repeat(np.arange(len(counts)), counts)})
    train["user_id"] = train.groupby("item_id").cumcount()
    train["target"] = 1
    report = Report(metrics=[PopularityBias(k=K)])
    mapping = ColumnMapping(
        recommendations_type=RecomType.RANK, user_id="user_id", item_id="item_id", prediction="prediction"
    )
    report.run(
        reference_data=None,
        current_data=shown,
        column_mapping=mapping,
        additional_data={"current_train_data": train},
    )
    found = report.as_dict()["metrics"][0]["result"]
    return {name: float(found[f"current_{name}"]) for name in ("apr", "coverage", "gini")}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](), indent=1))
