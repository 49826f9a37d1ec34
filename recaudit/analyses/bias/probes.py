"""Can a linear probe tell a user's group, from the vector, from codes, or from activity alone?

Ridge regression on group indicators, features standardised on the training folds, penalty chosen on a tenth
of the training users; scores of held-out users only. All groups share one decomposition a fold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.bias.material import Group
from recaudit.metrics import heldout
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

FOLDS = 5
_PENALTIES = 10.0 ** np.arange(-3, 4)
"""Times the number of training users."""
_DRAWS = 200


def probe_auc(
    x: NDArray[np.floating], users: IntArray, attributes: Mapping[str, list[Group]], features: str, seed: int
) -> list[Metric]:
    """``fairness.probe_auc`` of each attribute: held-out AUC, mean over its groups against the others.

    Args:
        x: [users, features].
        users: [users] dense.
        features: what ``x`` is, for the slice.
    """
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(users)) % FOLDS
    groups = [group for own in attributes.values() for group in own]
    inside = (
        np.stack([group.users[users] for group in groups], axis=1) if groups else np.empty((len(users), 0))
    )
    scores = held_out_scores(np.asarray(x, np.float64), inside.astype(np.float64), fold)
    weights = rng.multinomial(len(users), np.full(len(users), 1 / len(users)), size=_DRAWS).T.astype(
        np.float64
    )
    weights = np.column_stack([np.ones(len(users)), weights])
    found, start = [], 0
    for attribute, own in attributes.items():
        columns = range(start, start + len(own))
        start += len(own)
        known = inside[:, list(columns)].any(axis=1)
        own_fold = np.where(known, fold, -1)
        drawn = np.nanmean(
            [
                np.nanmean(
                    heldout.weighted_auc(scores[:, c], inside[:, c].astype(bool), own_fold, weights, FOLDS),
                    axis=0,
                )
                for c in columns
            ],
            axis=0,
        )
        low, high = np.quantile(drawn[1:], [0.025, 0.975])
        slice_ = {"attribute": attribute, "features": features}
        found.append(
            Metric(
                "fairness.probe_auc", float(drawn[0]), int(known.sum()), float(low), float(high),
                "users", "none", slice_,
            )
        )  # fmt: skip
    return found


def held_out_scores(x: FloatArray, inside: FloatArray, fold: IntArray) -> FloatArray:
    """Ridge scores of every user from a fit without the user's fold: [users, groups]."""
    scores = np.zeros(inside.shape)
    for number in range(FOLDS):
        train = np.flatnonzero(fold != number)
        chosen = train[::10]
        fit = np.setdiff1d(train, chosen)
        centre, spread = x[fit].mean(axis=0), x[fit].std(axis=0)
        scaled = (x - centre) / np.where(spread > 1e-9, spread, np.inf)
        value, basis = np.linalg.eigh(scaled[fit].T @ scaled[fit])
        aim = inside[fit] - inside[fit].mean(axis=0)
        part = basis.T @ (scaled[fit].T @ aim)
        mean = inside[fit].mean(axis=0)
        best = np.full(inside.shape[1], np.inf)
        for penalty in _PENALTIES * len(fit):
            weights = basis @ (part / (np.maximum(value, 0) + penalty)[:, None])
            loss = ((scaled[chosen] @ weights + mean - inside[chosen]) ** 2).mean(axis=0)
            better = loss < best
            best = np.where(better, loss, best)
            held = fold == number
            scores[np.ix_(held, better)] = (scaled[held] @ weights)[:, better]
    return scores
