"""Ranking quality by user group, and user groups from another data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.bias.material import LEAST_USERS, Material
from recaudit.analyses.inputs import metric
from recaudit.datasets import read_dataset
from recaudit.errors import InputRefused
from recaudit.metrics import intervals, ranking
from recaudit.metrics.contrasts import bootstrap_weights
from recaudit.store import Audit
from recaudit.store import cav as ids
from recaudit.store import popularity as store
from recaudit.store.read import Model
from recaudit.store.write import Metric
from recaudit.text import printable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

K = 10
_DRAWS = 1000
_SHUFFLES = 999
_LEAST_SHARE_KNOWN = 0.5


def attach(audit: Audit, model: Model, path: Path) -> int:
    """Store the user groups of another data set, matched by raw id; those of the same attributes go.

    Returns:
        Users that now have a group.

    Raises:
        InputRefused: no groups in it, or it knows few of the audit's users.
    """
    dataset = read_dataset(path)
    if dataset.user_groups.empty:
        raise InputRefused(
            f"{printable(path)}: has no user attributes",
            fix="name data with a table of users (gender, age, …), or leave out --groups",
        )
    known = ids.raw_ids(audit, model.dataset_id, "users")
    dense = np.array([known.get(raw, -1) for raw in dataset.users["raw_id"].tolist()], dtype=np.int64)
    frame = dataset.user_groups.assign(user_id=dense[dataset.user_groups["user"].to_numpy()])
    frame = frame.loc[frame["user_id"] >= 0, ["user_id", "attribute", "value"]]
    found = int(frame["user_id"].nunique())
    if found < _LEAST_SHARE_KNOWN * len(known):
        raise InputRefused(
            f"{printable(path)}: knows {found:,} of the audit's {len(known):,} users",
            fix="ingest the model with original ids (--ids FILE), so that both name users alike",
        )
    store.replace_user_groups(audit, model.dataset_id, frame)
    return found


def quality(material: Material, targets: dict[str, NDArray[np.generic]], seed: int) -> list[Metric]:
    """``fairness.ndcg@10`` of each group; gap and permutation p of each attribute.

    Args:
        targets: ``user_id, item_id, rank``.
    """
    user = targets["user_id"].astype(np.int64)
    if not len(user):
        return []
    gained = ranking.ndcg(targets["rank"].astype(np.int64), K)
    n_users = material.profiles.shape[0]
    sums = np.column_stack([np.bincount(user, gained, n_users), np.bincount(user, minlength=n_users)]).astype(
        np.float64
    )
    found = []
    for attribute, groups in material.attributes().items():
        label = np.full(n_users, -1)
        kept = [group for group in groups if (sums[group.users, 1] > 0).sum() >= LEAST_USERS]
        if len(kept) < 2:
            continue
        for number, group in enumerate(kept):
            label[group.users & (sums[:, 1] > 0)] = number
            (estimate,) = intervals.estimate(sums[label == number], intervals.means, seed=seed)
            slice_ = {"group": group.name}
            found.append(metric(f"fairness.ndcg@{K}", estimate, better="higher", slice_=slice_))
        gap, low, high, p = ndcg_gap(sums[label >= 0], label[label >= 0], seed)
        n, slice_ = int((label >= 0).sum()), {"attribute": attribute}
        found.append(Metric(f"fairness.ndcg_gap@{K}", gap, n, low, high, "users", "lower", slice_))
        found.append(Metric(f"fairness.ndcg_gap_p@{K}", p, n, slice=slice_))
    return found


def ndcg_gap(sums: FloatArray, label: IntArray, seed: int) -> tuple[float, float, float, float]:
    """Largest less smallest group mean; bootstrap interval within groups; p with labels shuffled among users.

    A largest-less-smallest grows with noise: draws are shifted to have their mean on the value, and the p, not
    the interval, says whether groups differ at all.

    Args:
        sums: [users, (gain, targets)].
        label: [users] from 0.
    """
    rng = np.random.default_rng(seed)
    value = _spread(_group_means(sums, label)[None])[0]
    drawn = []
    for number in range(int(label.max()) + 1):
        own = sums[label == number]
        total = bootstrap_weights(rng, len(own), _DRAWS) @ own
        drawn.append(total[:, 0] / total[:, 1])
    gaps = _spread(np.stack(drawn, axis=1))
    low, high = np.quantile(gaps - gaps.mean(), [0.025, 0.975]) + value
    null = _spread(np.stack([_group_means(sums, rng.permutation(label)) for _ in range(_SHUFFLES)]))
    p = (1 + int((null >= value - 1e-12).sum())) / (1 + _SHUFFLES)
    return float(value), max(0.0, float(low)), float(high), p


def _group_means(sums: FloatArray, label: IntArray) -> FloatArray:
    return np.asarray(np.bincount(label, sums[:, 0]) / np.bincount(label, sums[:, 1]))


def _spread(means: FloatArray) -> FloatArray:
    return np.asarray(means.max(axis=1) - means.min(axis=1))
