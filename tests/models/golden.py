"""A fixture folder opened: its manifest, its id map, and the inputs its golden users had."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.models import Cases, Graph, Recommender, build
from recaudit.models.heads import linked
from tests.shared import SHARED

FOLDERS = sorted(
    path.parent for path in (SHARED or Path("/none")).glob("fixtures/checkpoints/*/manifest.json")
)


@dataclass(frozen=True)
class Fixture:
    """One folder of ``fixtures/checkpoints``."""

    folder: Path
    manifest: dict[str, Any]
    ids: dict[str, dict[str, int]]
    """kind -> raw id -> row."""

    @property
    def files(self) -> list[Path]:
        """Checkpoint files the manifest names, without the words beside them."""
        named = self.manifest.get("checkpoint") or _unnamed_checkpoint(self.manifest)
        names = [named] if isinstance(named, str) else named
        return [self.folder / name.split(" (")[0].split(" ")[0] for name in names]

    @property
    def hints(self) -> tools.Hints:
        """What a user has to add because the checkpoint does not hold it."""
        features = self.folder / "item_features.npz"
        return tools.Hints(item_features=features if features.exists() else None)

    @property
    def padding(self) -> set[int]:
        """Item rows before the first real one."""
        rows = self.manifest.get("padding_rows", {})
        return set(rows.get("item", [])) if isinstance(rows, dict) else set()

    def model(self, path: Path | None = None) -> Recommender:
        """The recommender, its graph attached where it needs one."""
        checkpoint = read_checkpoint(path or self.files[0])
        model = build(tools.read_model(checkpoint, self.hints))
        return model.with_graph(self.graph()) if model.needs_graph else model

    def train(self) -> pd.DataFrame:
        """Training interactions in the tool's rows, oldest first: ``user, item, rating, raw_user``."""
        column = "split_recbole" if self.manifest["tool"] == "recbole" else "split"
        rows = interactions()
        rows = rows[rows[column] == "train"]
        known = rows["item_id"].isin(self.ids.get("item", {}))
        if "user" in self.ids:
            known &= rows["user_id"].isin(self.ids["user"])
        rows = rows[known].sort_values("timestamp", kind="stable")
        users = rows["user_id"].map(self.ids["user"]) if "user" in self.ids else -1
        items = rows["item_id"].map(self.ids["item"])
        return pd.DataFrame(
            {"user": users, "item": items, "rating": rows["rating"], "raw_user": rows["user_id"]}
        )

    def graph(self) -> Graph:
        rows = self.train()
        return Graph(rows["user"].to_numpy(np.int64), rows["item"].to_numpy(np.int64))

    def cases(self, golden: list[dict[str, Any]]) -> Cases:
        """The golden users' inputs: the sequence the model saw, or the training rows."""
        train = self.train().groupby("raw_user")
        items, ratings = [], []
        for user in golden:
            if "input_sequence" in user:
                rows = [self.ids["item"][raw] for raw in user["input_sequence"]]
                own = [np.nan] * len(rows)
            else:
                history = train.get_group(user["user"])
                rows, own = history["item"].tolist(), history["rating"].tolist()
            items.append(rows)
            ratings.append(own)
        offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in items])])
        conditions = None
        if "conditions" in self.manifest:
            names = self.manifest["conditions"]
            given = [user.get("condition") for user in golden]
            conditions = np.array([-1 if name is None else names.index(name) for name in given])
        return Cases(
            np.array([user["row"] for user in golden]),
            np.concatenate(items).astype(np.int64),
            offsets.astype(np.int64),
            np.concatenate(ratings).astype(np.float32),
            conditions,
        )

    def seen(self, user: dict[str, Any]) -> set[int]:
        """Rows that ``top_unseen`` leaves out."""
        if "input_sequence" in user and "top_unseen" in user:
            held = interactions()
            own = held[(held["user_id"] == user["user"])]
            if self.manifest["tool"] == "ReChorus":
                own = own[own["split"] != "test"]
                return {self.ids["item"][raw] for raw in own["item_id"] if raw in self.ids["item"]}
            return {self.ids["item"][raw] for raw in user["input_sequence"]}
        train = self.train()
        return set(train["item"][train["raw_user"] == user["user"]])


def _unnamed_checkpoint(manifest: dict[str, Any]) -> str:
    """The file to open where the manifest lists files without saying which is the checkpoint."""
    known = ("model.npz", "model_tf_variables.npz", "model_torch.pt", "embeddings.npz")
    return next(file["name"] for file in manifest["files"] if file["name"] in known)


@cache
def opened(folder: Path) -> Fixture:
    """The folder, read once."""
    manifest = json.loads((folder / "manifest.json").read_text())
    ids: dict[str, dict[str, int]] = {}
    if (folder / "ids.parquet").exists():
        table = duckdb.sql(f"SELECT kind, raw_id, row FROM '{folder / 'ids.parquet'}'").fetchall()
        for kind, raw, row in table:
            ids.setdefault(kind, {})[raw] = row
    return Fixture(folder, manifest, ids)


@cache
def interactions() -> pd.DataFrame:
    assert SHARED is not None
    return duckdb.sql(
        f"SELECT * FROM '{SHARED / 'fixtures/data/ml-100k/interactions.parquet'}' ORDER BY row"
    ).df()


def shown_scores(model: Recommender, cases: Cases) -> np.ndarray:
    """What the tool shows for every item row: [cases, item rows]."""
    scores = model.head.score(model.represent(cases)).astype(np.float64)
    offset = model.offset(cases)
    return linked(model.link, scores if offset is None else scores + offset[:, None])


def assert_list(scores: np.ndarray, expected: list[list[Any]], out: set[int], tolerance: float) -> None:
    """The expected ``[raw id, row, score]`` list is the best of ``scores``, free order within ties only."""
    rows = [row for _, row, _ in expected]
    golden = np.array([score for *_, score in expected])
    np.testing.assert_allclose(
        scores[rows], golden, rtol=tolerance, atol=tolerance * max(1, np.abs(golden).max())
    )
    competing = scores.copy()
    competing[list(out)] = -np.inf
    worst = competing[rows].min()
    slack = tolerance * max(1.0, abs(worst))
    better = set(np.flatnonzero(competing > worst + slack).tolist())
    assert better <= set(rows)
    assert np.isfinite(competing[rows]).all()
