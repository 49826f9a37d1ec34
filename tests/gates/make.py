"""Models as gates see them, made in memory: no audit file, no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from recaudit.analyses.diff.by_user import GRID, UserValues
from recaudit.analyses.diff.summary import Number, Summary
from recaudit.gates.candidate import Candidate
from recaudit.metrics import intervals, ranking
from recaudit.store.read import Model

MODEL = Model(
    0, "m", 0, "tool", "arch", "dot", "user", 4, None, "user", "dot", "none", {}, [], "m.pt", "ab" * 32, "history"
)  # fmt: skip


def hashes(n: int, first: int = 0) -> np.ndarray:
    """Users first .. first + n, in order."""
    return np.arange(first, first + n, dtype=np.uint64)


def ranked(ranks: np.ndarray, first: int = 0, held_out: str = "same") -> Summary:
    """A model whose only target of user i has rank ``ranks[i]``, with the interval an audit would store."""
    columns = {
        "original/targets": np.ones(len(ranks)),
        "original/ndcg@10": np.round(ranking.ndcg(ranks, 10) / GRID) * GRID,
    }
    (estimate,) = intervals.estimate(
        np.column_stack([columns["original/ndcg@10"], columns["original/targets"]]), intervals.means, seed=0
    )
    number = Number(
        "ranking.ndcg@10", {"ranking": "original"}, "history",
        estimate.value, estimate.low, estimate.high, len(ranks), "users", "higher",
    )  # fmt: skip
    return Summary(
        "m", "ab" * 32, "history", None, held_out, (number,), (), {}, UserValues(hashes(len(ranks), first), columns)
    )  # fmt: skip


def number(
    value: float, low: float | None, high: float | None, n: int = 100, metric="ranking.ndcg@10"
) -> Summary:
    """A model of which one number is known and nothing by user."""
    stored = Number(metric, {}, "history", value, low, high, n, "users", "higher")
    return Summary("m", "ab" * 32, "history", None, "same", (stored,), (), {}, UserValues(hashes(0), {}))


def candidate(summary: Summary, *, groups=None, findings=(), receipts=()) -> Candidate:
    return Candidate(MODEL, None, summary, groups or {}, tuple(findings), tuple(receipts))


def policy(folder: Path, text: str) -> Path:
    path = folder / "policy.toml"
    path.write_text(text)
    return path
