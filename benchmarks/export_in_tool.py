"""The tool's side of ``export.py``: load an exported file with the tool's own code, score, compare.

Runs in an environment that has RecBole 1.2.1 and implicit 0.7; for ReChorus, ``--rechorus`` is a clone of
THUwangcy/ReChorus. The networks are the tools' own classes with their own loading; their data sets are stood in for by what a
model asks of one when it is made: how many users and items there are.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

import numpy as np
import torch
from measure import versions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=list(SCORERS))
    parser.add_argument("exported", type=Path)
    parser.add_argument("expected", type=Path, help="npz of users or history, lengths, items, scores")
    parser.add_argument("--model", default="", help="class, for implicit and ReChorus")
    parser.add_argument("--heads", type=int, default=1)
    parser.add_argument("--rechorus", type=Path)
    args = parser.parse_args()
    # Names that RecBole and ReChorus use and numpy has no longer.
    for name, type_ in (("int", int), ("float", float), ("object", object), ("float_", np.float64)):
        setattr(np, name, type_)
    expected = dict(np.load(args.expected))
    with torch.no_grad():
        scores = SCORERS[args.tool](args, expected)[:, expected["items"]]
    wanted = expected["scores"]
    print(
        json.dumps(
            {
                "apart": float(np.abs(scores - wanted).max() / np.abs(wanted).max()),
                "shape": list(scores.shape),
                "same_top10": float((_top(scores) == _top(wanted)).mean()),
                "versions": versions("recbole", "implicit", "torch"),
            }
        )
    )


def _top(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")[:, :10]


def of_implicit(args: argparse.Namespace, expected: dict[str, np.ndarray]) -> np.ndarray:
    from scipy.sparse import csr_matrix

    module = {"AlternatingLeastSquares": "als", "BayesianPersonalizedRanking": "bpr"}[args.model]
    model = getattr(import_module(f"implicit.cpu.{module}"), args.model).load(str(args.exported))
    users, n_items = expected["users"].astype(np.int32), len(model.item_factors)
    nothing = csr_matrix((len(users), n_items), dtype=np.float32)
    found = np.zeros((len(users), n_items), np.float32)
    items, scores = model.recommend(users, nothing, N=n_items, filter_already_liked_items=False)
    np.put_along_axis(found, items.astype(np.int64), scores, axis=1)
    return found


def of_recbole(args: argparse.Namespace, expected: dict[str, np.ndarray]) -> np.ndarray:
    from recbole.data.interaction import Interaction
    from recbole.utils import get_model
    from scipy.sparse import coo_matrix, dok_matrix

    # RecBole's LightGCN fills a matrix by a method that scipy has under this name no longer.
    dok_matrix._update = lambda self, entries: self._dict.update(entries)
    saved = torch.load(args.exported, map_location="cpu")
    config = saved["config"]
    config["device"] = torch.device("cpu")
    state = saved["state_dict"]
    counts = {
        config[field]: len(state[table]) if table in state else 1
        for field, table in (
            ("USER_ID_FIELD", "user_embedding.weight"),
            ("ITEM_ID_FIELD", "item_embedding.weight"),
        )
    }
    shape = tuple(counts.values())
    data = SimpleNamespace(
        num=counts.__getitem__, inter_matrix=lambda form: coo_matrix(([1.0], ([1], [1])), shape)
    )
    model = get_model(config["model"])(config, data).eval()
    model.load_state_dict(state)
    model.load_other_parameter(saved.get("other_parameter"))
    if "users" in expected:
        given = {model.USER_ID: torch.from_numpy(expected["users"])}
    else:
        given = {
            model.ITEM_SEQ: torch.from_numpy(expected["history"]),
            model.ITEM_SEQ_LEN: torch.from_numpy(expected["lengths"]),
        }
    found = model.full_sort_predict(Interaction(given))
    return found.reshape(len(expected["scores"]), -1).numpy()


def of_rechorus(args: argparse.Namespace, expected: dict[str, np.ndarray]) -> np.ndarray:
    torch.Tensor.cuda = lambda self, *_, **__: self
    sys.path.insert(0, str(args.rechorus / "src"))
    model_class = getattr(import_module(f"models.{args.model}"), args.model.rpartition(".")[2])
    state = torch.load(args.exported, map_location="cpu")
    n_items, width = state["i_embeddings.weight"].shape
    options = argparse.ArgumentParser()
    model_class.parse_model_args(options)
    places = len(state["p_embeddings.weight"]) - 1 if "p_embeddings.weight" in state else 20
    given = {
        "emb_size": width,
        "num_heads": args.heads,
        "device": torch.device("cpu"),
        "history_max": places,
        "num_layers": _blocks(state),
    }
    settings = SimpleNamespace(**vars(options.parse_args([])) | given | {"model_path": str(args.exported)})
    corpus = SimpleNamespace(n_users=len(state.get("u_embeddings.weight", [0])), n_items=n_items)
    model = model_class(settings, corpus).eval()
    model.load_model()
    n = len(expected["scores"])
    batch: dict[str, Any] = {"item_id": torch.arange(n_items).repeat(n, 1), "batch_size": n}
    if "users" in expected:
        batch["user_id"] = torch.from_numpy(expected["users"])
    else:
        batch |= {
            "history_items": torch.from_numpy(expected["history"]),
            "lengths": torch.from_numpy(expected["lengths"]),
        }
    return model(batch)["prediction"].numpy()


def _blocks(state: dict[str, torch.Tensor]) -> int:
    return len({name.split(".")[1] for name in state if name.startswith("transformer_block.")})


SCORERS = {"implicit": of_implicit, "recbole": of_recbole, "rechorus": of_rechorus}

if __name__ == "__main__":
    main()
