"""MF and NCF recommenders as Monosemanticity4Rec trains and stores them, to train autoencoders on.

    python benchmarks/make_mf_ncf.py SHARED/data/ml-1m --folder /tmp/mono
    python benchmarks/make_mf_ncf.py SHARED/data/lastfm-2k --folder /tmp/mono

A data set is a folder with ``interactions.parquet`` (user_id, item_id) and ``items.parquet``. Every
interaction is a positive, whatever its rating. Written for each, and nothing elsewhere:

    FOLDER/ml-1m/users_embeddings_mf.csv, items_embeddings_mf.csv, b_u_mf.csv, b_i_mf.csv
    FOLDER/ml-1m/ncf_state_dict.pth
    FOLDER/ml-1m/ids.csv         which row is which raw id
    FOLDER/ml-1m/data/           the interactions with a column ``split``, items, and users where there are any
    FOLDER/ml-1m/quality.json    HR@10 and NDCG@10 of held-out positives, beside popularity's

Then

    recaudit ingest FOLDER/ml-1m/items_embeddings_mf.csv --data FOLDER/ml-1m/data --ids FOLDER/ml-1m/ids.csv \\
        --name mf --db ml-1m.duckdb
    recaudit ingest FOLDER/ml-1m/ncf_state_dict.pth --data FOLDER/ml-1m/data --ids FOLDER/ml-1m/ids.csv \\
        --name ncf --db ml-1m.duckdb

and the same below ``FOLDER/lastfm-2k``. Any of MF's four csv files stands for all.

After the notebooks (DeltaLabTLV/Monosemanticity4Rec): sizes (20 for MovieLens, 100 for Last.FM), the
64-32-16 network, binary cross-entropy, the heaviest user of MovieLens left out, five positives a user held
out, a fresh negative for every positive in every epoch, drawn by the softmax of popularity shares, which is
all but uniform. MF takes their plain SGD, step 0.05 and decay 0.01, summed over batches of 256 instead of one
sample after the other.

Not after them: two more positives a user are held out for validation; the data of Last.FM are HetRec's,
without artists of fewer than ten listeners; the network's numbers of epochs, and for MovieLens its rate and
batch as well, were chosen by NDCG@10 on validation positives.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
T = TypeVar("T")

HELD_OUT = {"test": 5, "valid": 2}
CUTOFF = 10
MF_STEP, MF_DECAY, MF_LEVEL, MF_BATCH = 0.05, 0.01, 1.0, 256


@dataclass(frozen=True)
class Recipe:
    """What differs between the two data sets."""

    dim: int
    least_listeners: int
    without_heaviest: bool
    mf_epochs: int
    ncf_epochs: int
    ncf_rate: float
    ncf_batch: int


RECIPES = {
    "ml-1m": Recipe(
        dim=20,
        least_listeners=1,
        without_heaviest=True,
        mf_epochs=10,
        ncf_epochs=15,
        ncf_rate=3e-3,
        ncf_batch=2048,
    ),
    "lastfm-2k": Recipe(
        dim=100,
        least_listeners=10,
        without_heaviest=False,
        mf_epochs=30,
        ncf_epochs=20,
        ncf_rate=1e-3,
        ncf_batch=256,
    ),
}


@dataclass(frozen=True)
class Data:
    """Interactions by dense row, and the raw ids of the rows."""

    user: IntArray
    item: IntArray
    split: NDArray[np.str_]
    users: IntArray
    items: IntArray

    def pairs(self, *splits: str) -> tuple[IntArray, IntArray]:
        inside = np.isin(self.split, splits)
        return self.user[inside], self.item[inside]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("source", type=Path, help="folder called ml-1m or lastfm-2k")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/mono"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    recipe = RECIPES[args.source.name]
    rng = np.random.default_rng(args.seed)
    folder: Path = args.folder / args.source.name
    (folder / "data").mkdir(parents=True, exist_ok=True)

    data = read(args.source, recipe, rng)
    write_data(args.source, folder, data)
    quality = {"popularity": measured(data, popularity(data))}
    mf, seconds = with_seconds(lambda: train_mf(data, recipe, rng))
    write_mf(folder, mf)
    quality["mf"] = measured(data, mf.scores) | {"seconds": seconds}
    ncf, seconds = with_seconds(lambda: train_ncf(data, recipe, rng))
    write_ncf(folder, ncf)
    quality["ncf"] = measured(data, ncf.scores) | {"seconds": seconds}
    (folder / "quality.json").write_text(json.dumps(quality, indent=1))
    print(
        f"{args.source.name}: {len(data.users):,} users, {len(data.items):,} items, {len(data.user):,} positives"
    )
    for name, figures in quality.items():
        print(name, figures)


def with_seconds(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), round(time.perf_counter() - started, 1)


def read(source: Path, recipe: Recipe, rng: np.random.Generator) -> Data:
    rows = duckdb.read_parquet(str(source / "interactions.parquet")).select("user_id, item_id").df()
    rows = rows[rows.groupby("item_id")["user_id"].transform("size") >= recipe.least_listeners]
    item_type = pd.CategoricalDtype(np.sort(rows["item_id"].unique()))
    if recipe.without_heaviest:
        # Items that nobody else rated stay in the catalogue, as in the notebooks.
        rows = rows[rows["user_id"] != rows["user_id"].value_counts().idxmax()]
    enough = 2 * sum(HELD_OUT.values())
    rows = rows[rows.groupby("user_id")["item_id"].transform("size") >= enough]
    user, users = pd.factorize(rows["user_id"], sort=True)
    item = rows["item_id"].astype(item_type).cat.codes.to_numpy(np.int64)
    shuffled = pd.Series(rng.random(len(rows))).groupby(user).rank(method="first").to_numpy()
    split = np.full(len(rows), "train")
    split[shuffled <= sum(HELD_OUT.values())] = "valid"
    split[shuffled <= HELD_OUT["test"]] = "test"
    return Data(user, item, split, np.asarray(users, np.int64), item_type.categories.to_numpy(np.int64))


def write_data(source: Path, folder: Path, data: Data) -> None:
    interactions = {"user_id": data.users[data.user], "item_id": data.items[data.item], "split": data.split}
    write_parquet(pd.DataFrame(interactions), folder / "data" / "interactions.parquet")
    for name, ids in (("items", data.items), ("users", data.users)):
        if (source / f"{name}.parquet").exists():
            table = duckdb.read_parquet(str(source / f"{name}.parquet")).df()
            write_parquet(table[table[f"{name[:-1]}_id"].isin(ids)], folder / "data" / f"{name}.parquet")
    kinds = [
        pd.DataFrame({"kind": kind, "row": np.arange(len(ids)), "raw_id": ids})
        for kind, ids in (("user", data.users), ("item", data.items))
    ]
    pd.concat(kinds).to_csv(folder / "ids.csv", index=False)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    # DuckDB is at hand wherever recaudit is; pandas would need a library of its own for parquet.
    duckdb.from_df(table).write_parquet(str(path))


class Sampler:
    """Positives of the training part in random order, each followed by a fresh negative of its user."""

    def __init__(self, data: Data, rng: np.random.Generator) -> None:
        self.user, self.item = data.pairs("train")
        self.n_items = len(data.items)
        self.known = np.zeros((len(data.users), self.n_items), dtype=bool)
        self.known[self.user, self.item] = True
        share = np.bincount(self.item, minlength=self.n_items) / len(self.item)
        self.odds = np.exp(share) / np.exp(share).sum()
        self.rng = rng

    def epoch(self, batch: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Users, items and labels [batch] of every batch; half of each are negatives."""
        order = self.rng.permutation(len(self.user))
        user, item = self.user[order], self.item[order]
        negative = self.rng.choice(self.n_items, len(user), p=self.odds)
        while len(again := np.flatnonzero(self.known[user, negative])):
            negative[again] = self.rng.choice(self.n_items, len(again), p=self.odds)
        users = torch.from_numpy(np.column_stack([user, user]).ravel())
        items = torch.from_numpy(np.column_stack([item, negative]).ravel())
        labels = torch.tensor([1.0, 0.0]).repeat(len(user))
        places = [slice(start, start + batch) for start in range(0, len(users), batch)]
        return [(users[place], items[place], labels[place]) for place in places]


@dataclass(frozen=True)
class MF:
    """``σ(1 + b_u + b_i + p_u · q_i)``; P [users, dim], Q [items, dim]."""

    P: Tensor
    Q: Tensor
    b_u: Tensor
    b_i: Tensor

    def scores(self, users: IntArray) -> FloatArray:
        return (self.P[users] @ self.Q.T + self.b_i).numpy()


def train_mf(data: Data, recipe: Recipe, rng: np.random.Generator) -> MF:
    n, m, dim = len(data.users), len(data.items), recipe.dim
    model = MF(torch.randn(n, dim) / dim, torch.randn(m, dim) / dim, torch.zeros(n), torch.zeros(m))
    sampler = Sampler(data, rng)
    for _ in range(recipe.mf_epochs):
        for u, i, label in sampler.epoch(MF_BATCH):
            p, q, b_u, b_i = model.P[u], model.Q[i], model.b_u[u], model.b_i[i]
            error = label - torch.sigmoid(MF_LEVEL + b_u + b_i + (p * q).sum(1))
            model.P.index_add_(0, u, MF_STEP * (error[:, None] * q - MF_DECAY * p))
            model.Q.index_add_(0, i, MF_STEP * (error[:, None] * p - MF_DECAY * q))
            model.b_u.index_add_(0, u, MF_STEP * (error - MF_DECAY * b_u))
            model.b_i.index_add_(0, i, MF_STEP * (error - MF_DECAY * b_i))
    return model


def write_mf(folder: Path, model: MF) -> None:
    """As the notebooks' ``DataFrame.to_csv(index=False)``: a header of column numbers, no index."""
    tables = {"users_embeddings": model.P, "items_embeddings": model.Q, "b_u": model.b_u, "b_i": model.b_i}
    for name, table in tables.items():
        pd.DataFrame(table.numpy()).to_csv(folder / f"{name}_mf.csv", index=False)


class NCF(nn.Module):
    """The notebooks' ``NeuralCollaborativeFiltering``, with their names; returns logits [batch]."""

    def __init__(self, n_users: int, n_items: int, dim: int) -> None:
        super().__init__()
        self.user_embedding = nn.Embedding(n_users, dim)
        self.item_embedding = nn.Embedding(n_items, dim)
        widths = [2 * dim, 64, 32, 16]
        layers: list[nn.Module] = []
        for wide, narrow in pairwise(widths):
            layers += [nn.Linear(wide, narrow), nn.ReLU()]
        self.fc_layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1))
        for table in (self.user_embedding, self.item_embedding):
            nn.init.normal_(table.weight, 0.0, 0.1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        pair = torch.cat([self.user_embedding(users), self.item_embedding(items)], dim=-1)
        return self.fc_layers(pair).squeeze(-1)

    @torch.inference_mode()
    def scores(self, users: IntArray) -> FloatArray:
        rows, every = torch.from_numpy(users), torch.arange(self.item_embedding.num_embeddings)
        return torch.stack([self(row.expand(len(every)), every) for row in rows]).numpy()


def train_ncf(data: Data, recipe: Recipe, rng: np.random.Generator) -> NCF:
    model = NCF(len(data.users), len(data.items), recipe.dim)
    optimiser = torch.optim.Adam(model.parameters(), lr=recipe.ncf_rate)
    loss = nn.BCEWithLogitsLoss()
    sampler = Sampler(data, rng)
    for _ in range(recipe.ncf_epochs):
        for users, items, labels in sampler.epoch(recipe.ncf_batch):
            optimiser.zero_grad()
            loss(model(users, items), labels).backward()
            optimiser.step()
    return model.eval()


def write_ncf(folder: Path, model: NCF) -> None:
    torch.save(model.state_dict(), folder / "ncf_state_dict.pth")


def popularity(data: Data) -> Callable[[IntArray], FloatArray]:
    counts = np.bincount(data.pairs("train")[1], minlength=len(data.items)).astype(np.float32)
    return lambda users: np.broadcast_to(counts, (len(users), len(counts)))


def measured(data: Data, scores: Callable[[IntArray], FloatArray], chunk: int = 256) -> dict[str, float]:
    """HR and NDCG at ten of the held-out positives, each alone against all items not known before it.

    For a test positive training and validation items are known, for a validation positive training items.
    Ties count against the target.
    """
    figures = {}
    for part, before in (("valid", ("train",)), ("test", ("train", "valid"))):
        known = np.zeros((len(data.users), len(data.items)), dtype=bool)
        known[data.pairs(*before)] = True
        order = np.argsort(data.pairs(part)[0], kind="stable")
        user, target = (column[order] for column in data.pairs(part))
        ranks = np.empty(len(user), dtype=np.int64)
        for start in range(0, len(data.users), chunk):
            users = np.arange(start, min(start + chunk, len(data.users)))
            inside = slice(*np.searchsorted(user, [users[0], users[-1] + 1]))
            grid = np.where(known[users], -np.inf, scores(users))[user[inside] - start]
            own = np.take_along_axis(grid, target[inside][:, None], 1)
            ranks[inside] = (grid >= own).sum(1)
        hit = ranks <= CUTOFF
        figures[f"{part}_hr10"] = round(float(hit.mean()), 4)
        figures[f"{part}_ndcg10"] = round(float((hit / np.log2(ranks + 1)).mean()), 4)
    return figures


if __name__ == "__main__":
    main()
