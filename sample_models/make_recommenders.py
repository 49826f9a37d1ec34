"""Two recommenders trained by RecBole, and what RecBole itself says about them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from make_data import NAME
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.utils import get_model, get_trainer, init_logger, init_seed

COMMON = {
    "data_path": "dataset/",
    "checkpoint_dir": "saved",
    "use_gpu": False,
    "show_progress": False,
    "seed": 2020,
    "reproducibility": True,
    "load_col": {"inter": ["user_id", "item_id", "order"]},
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "TIME_FIELD": "order",
    # Each user's last rating is the test row, the one before it the validation row.
    "eval_args": {
        "split": {"LS": "valid_and_test"},
        "order": "TO",
        "group_by": "user",
        "mode": "full",
    },
    "metrics": ["Recall", "NDCG", "MRR"],
    "topk": [1, 5, 10, 20, 50],
    "valid_metric": "NDCG@10",
    "metric_decimal_place": 6,
}
SETTINGS = {
    "BPR": {
        "embedding_size": 32,
        "learning_rate": 0.003,
        "weight_decay": 1e-5,
        "stopping_step": 20,
    },
    "SASRec": {
        "hidden_size": 32,
        "inner_size": 64,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dropout_prob": 0.2,
        "attn_dropout_prob": 0.1,
        "MAX_ITEM_LIST_LENGTH": 20,
        "loss_type": "CE",
        "train_neg_sample_args": None,
        "train_batch_size": 512,
        "learning_rate": 0.002,
        "stopping_step": 10,
    },
}
GOLDEN_USERS = 6
TOP = 20


@dataclass(frozen=True)
class Trained:
    """A finished run. ``parts`` are RecBole's datasets for train, valid and test."""

    name: str
    config: Config
    model: Any
    file: Path
    parts: dict[str, Any]
    epochs: int
    best_epoch: int
    valid: dict[str, float]
    test: dict[str, float]

    def tokens(self, kind: str) -> np.ndarray:
        """Raw ids, row by row; row 0 is padding."""
        return self.parts["train"].field2id_token[f"{kind}_id"]


def train(name: str) -> Trained:
    config = Config(model=name, dataset=NAME, config_dict=COMMON | SETTINGS[name])
    init_seed(config["seed"], config["reproducibility"])
    init_logger(config)
    loaders = data_preparation(config, create_dataset(config))
    model = get_model(name)(config, loaders[0]._dataset)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    # One of RecBole's models (SINE) turns this on for everybody when it is imported: half the time.
    torch.autograd.set_detect_anomaly(False)

    scores: list[float] = []
    _, valid = trainer.fit(loaders[0], loaders[1], callback_fn=lambda _, score: scores.append(score))
    test = trainer.evaluate(loaders[2])
    print(name, "test", dict(test))
    model.eval()
    return Trained(
        name=name,
        config=config,
        model=model,
        file=Path(trainer.saved_model_file),
        parts=dict(zip(("train", "valid", "test"), (part._dataset for part in loaders), strict=True)),
        epochs=len(scores),
        best_epoch=int(np.argmax(scores)),
        valid=_plain(valid),
        test=_plain(test),
    )


def _plain(metrics: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


def check_same_ids(one: Trained, other: Trained) -> None:
    for kind in ("user", "item"):
        if not np.array_equal(one.tokens(kind), other.tokens(kind)):
            raise SystemExit(f"the two models number their {kind}s differently")


def write_ids(path: Path, trained: Trained) -> None:
    """RecBole's numbering, the same for both models. Padding (row 0) is left out."""
    tables = [
        pd.DataFrame({"kind": kind, "row": range(1, len(tokens)), "raw_id": tokens[1:]})
        for kind, tokens in (("user", trained.tokens("user")), ("item", trained.tokens("item")))
    ]
    pd.concat(tables).to_csv(path, index=False, lineterminator="\n")


def split_of(ratings: pd.DataFrame, bpr: Trained, sasrec: Trained) -> pd.DataFrame:
    """The ratings with the split that RecBole's own datasets hold, and a check that both agree."""
    pairs = {
        trained.name: {part: _pairs(trained, part) for part in trained.parts} for trained in (bpr, sasrec)
    }
    names = {pair: part for part, members in pairs["BPR"].items() for pair in members}
    keys = list(zip(ratings["user_id"], ratings["item_id"], strict=True))
    split = ratings.assign(split=[names[key] for key in keys])

    # A sequence's first item is never a target, so SASRec's training rows lack it.
    first = {key for key, rank in zip(keys, ratings.groupby("user_id").cumcount(), strict=True) if not rank}
    same = all(pairs["SASRec"][part] == pairs["BPR"][part] for part in ("valid", "test"))
    if not same or pairs["SASRec"]["train"] != pairs["BPR"]["train"] - first:
        raise SystemExit("RecBole split the data differently for the two models")
    # And it is what sorting by time gives.
    backwards = ratings[::-1].groupby("user_id").cumcount()[::-1]
    plain = backwards.map({0: "test", 1: "valid"}).fillna("train")
    if not (plain == split["split"]).all():
        raise SystemExit("RecBole's split is not the plain leave-one-out by time")
    return split


def _pairs(trained: Trained, part: str) -> set[tuple[int, int]]:
    feats = trained.parts[part].inter_feat
    users = trained.tokens("user")[feats["user_id"].numpy()].astype(int)
    items = trained.tokens("item")[feats["item_id"].numpy()].astype(int)
    return set(zip(users.tolist(), items.tolist(), strict=True))


@torch.no_grad()
def test_scores(trained: Trained) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RecBole's own scores of every item for every test row, with the row's user and target."""
    rows = trained.parts["test"].inter_feat
    users, targets = rows["user_id"].numpy(), rows["item_id"].numpy()
    if trained.name == "BPR":
        rows = Interaction({"user_id": rows["user_id"]})
    scores = trained.model.full_sort_predict(rows).view(len(users), -1).numpy().copy()
    scores[:, 0] = -np.inf  # padding is no item
    order = np.argsort(users)
    return scores[order], users[order], targets[order]


def seen_before_test(split: pd.DataFrame, trained: Trained) -> np.ndarray:
    """users x items, true where the item is in the user's training or validation rows."""
    user_row = {int(token): row for row, token in enumerate(trained.tokens("user")) if row}
    item_row = {int(token): row for row, token in enumerate(trained.tokens("item")) if row}
    before = split[split["split"] != "test"]
    seen = np.zeros((len(user_row) + 1, len(item_row) + 1), dtype=bool)
    seen[before["user_id"].map(user_row), before["item_id"].map(item_row)] = True
    return seen


def accuracy(scores: np.ndarray, targets: np.ndarray, seen: np.ndarray | None) -> dict[str, float]:
    """Recall and NDCG at 10 over all items; ties count against the model."""
    own = scores[np.arange(len(targets)), targets][:, None]
    ahead = scores >= own
    if seen is not None:
        ahead &= ~seen
    ahead[np.arange(len(targets)), targets] = False
    rank = 1 + ahead.sum(axis=1)
    hit = rank <= 10
    return {
        "recall@10": round(float(hit.mean()), 6),
        "ndcg@10": round(float((hit / np.log2(rank + 1)).mean()), 6),
    }


def compare(split: pd.DataFrame, bpr: Trained, sasrec: Trained) -> dict[str, Any]:
    """Every model under both protocols, computed here rather than by RecBole."""
    seen = seen_before_test(split, bpr)
    rows = {trained.name: test_scores(trained) for trained in (bpr, sasrec)}
    popularity = np.bincount(
        bpr.parts["train"].inter_feat["item_id"].numpy(), minlength=seen.shape[1]
    ).astype(float)
    popularity[0] = -np.inf
    _, users, targets = rows["BPR"]
    rows["popularity"] = (np.tile(popularity, (len(users), 1)), users, targets)
    table = {
        name: {
            "nothing masked": accuracy(scores, targets, None),
            "train and valid masked": accuracy(scores, targets, seen[users]),
        }
        for name, (scores, users, targets) in rows.items()
    }
    for trained, protocol in ((bpr, "train and valid masked"), (sasrec, "nothing masked")):
        for metric, value in table[trained.name][protocol].items():
            if abs(value - trained.test[metric]) > 2e-6:
                raise SystemExit(f"{trained.name} {metric}: {value} here, {trained.test[metric]} there")
    return {"test_users": len(users), **table}


def describe(trained: Trained, split: pd.DataFrame) -> dict[str, Any]:
    """The manifest's entry of one model."""
    sequential = trained.name == "SASRec"
    return {
        "tool": "recbole 1.2.1",
        "model": trained.name,
        "settings": COMMON | SETTINGS[trained.name],
        "epochs_run": trained.epochs,
        "best_epoch": trained.best_epoch,
        "protocol": {
            "candidates": "all items",
            "masked": "padding" if sequential else "padding, the user's train and valid items",
        },
        "valid": trained.valid,
        "test": trained.test,
        "golden": _golden(trained, split),
    }


def _golden(trained: Trained, split: pd.DataFrame) -> list[dict[str, Any]]:
    """Users from the shortest to the longest history, with RecBole's scores for the test row."""
    seen = seen_before_test(split, trained)
    scores, users, targets = test_scores(trained)
    length = seen.sum(axis=1)[users]
    by_length = np.argsort(length, kind="stable")
    chosen = by_length[np.linspace(0, len(users) - 1, GOLDEN_USERS).astype(int)]
    tokens = trained.tokens("item")
    entries = []
    for index in chosen:
        raw_user = trained.tokens("user")[users[index]]
        before = split[(split["user_id"] == int(raw_user)) & (split["split"] != "test")]
        entry = {"user": raw_user, "row": int(users[index]), "history": int(length[index])}
        if trained.name == "SASRec":
            entry["input"] = [str(item) for item in before["item_id"]][
                -trained.config["MAX_ITEM_LIST_LENGTH"] :
            ]
        entry["target"] = tokens[targets[index]]
        entry["target_score"] = float(scores[index, targets[index]])
        entry["top"] = _top(scores[index], tokens)
        entry["top_unseen"] = _top(np.where(seen[users[index]], -np.inf, scores[index]), tokens)
        entries.append(entry)
    return entries


def _top(scores: np.ndarray, tokens: np.ndarray) -> list[list[Any]]:
    best = np.argsort(-scores, kind="stable")[:TOP]
    return [[tokens[row], round(float(scores[row]), 6)] for row in best]
