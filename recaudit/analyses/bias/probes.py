"""Can a linear probe tell a user's group, from the vector, from codes, or from activity alone?

Ridge regression on group indicators, features standardised on the training folds, penalty chosen on a tenth
of the training users; scores of held-out users only. Users are dealt into folds several times: how they fell is part of
the interval, as which users there are is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from recaudit.analyses.bias.material import Group
from recaudit.metrics import heldout
from recaudit.metrics.contrasts import bootstrap_weights
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

FOLDS = 5
PARTITIONS = 3
_PENALTIES = 10.0 ** np.arange(-3, 4)
"""Times the number of training users."""
_DRAWS = 100
"""Of users, for each partition."""


def probe_auc(
    x: NDArray[np.floating], users: IntArray, attributes: Mapping[str, list[Group]], features: str, seed: int
) -> list[Metric]:
    """``fairness.probe_auc`` of each attribute: held-out AUC, mean over its groups against the others and over partitions.

    The interval is the middle 95 % of draws of users, pooled over partitions; what another sample of training users would
    have taught the probe is in it only so far as partitions differ.

    Args:
        x: [users, features].
        users: [users] dense.
        features: what ``x`` is, for the slice.
    """
    rng = np.random.default_rng(seed)
    rows = np.asarray(x, np.float64)
    inside = {
        name: np.stack([group.users[users] for group in own], axis=1) for name, own in attributes.items()
    }
    together = np.concatenate(list(inside.values()), axis=1).astype(np.float64)
    drawn: dict[str, list[FloatArray]] = {name: [] for name in attributes}
    for _ in range(PARTITIONS):
        fold = rng.permutation(len(users)) % FOLDS
        weights = np.column_stack([np.ones(len(users)), bootstrap_weights(rng, len(users), _DRAWS).T])
        scores = held_out_scores(rows, together, fold)
        start = 0
        for name, members in inside.items():
            own = scores[:, start : start + members.shape[1]]
            start += members.shape[1]
            drawn[name].append(_mean_auc(own, members, fold, weights))
    return [
        _metric(np.stack(found), int(inside[name].any(axis=1).sum()), name, features)
        for name, found in drawn.items()
    ]


def _mean_auc(scores: FloatArray, members: BoolArray, fold: IntArray, weights: FloatArray) -> FloatArray:
    """Mean AUC over an attribute's groups under each column of weights [users, draws]; users of no group take no part."""
    own_fold = np.where(members.any(axis=1), fold, -1)
    by_group = [
        np.nanmean(heldout.weighted_auc(scores[:, c], members[:, c], own_fold, weights, FOLDS), axis=0)
        for c in range(members.shape[1])
    ]
    return np.asarray(np.nanmean(by_group, axis=0))


def _metric(drawn: FloatArray, n: int, attribute: str, features: str) -> Metric:
    """Of [partitions, 1 + draws], the first column everyone as they are."""
    low, high = np.quantile(drawn[:, 1:], [0.025, 0.975])
    slice_ = {"attribute": attribute, "features": features}
    return Metric(
        "fairness.probe_auc", float(drawn[:, 0].mean()), n, float(low), float(high), "users", "none", slice_
    )


def held_out_scores(x: FloatArray, inside: FloatArray, fold: IntArray) -> FloatArray:
    """Ridge scores of every user from a fit without the user's fold: [users, groups].

    Products of all users are made once; a fit takes off those of the users it leaves out.
    """
    gram, cross, sums = x.T @ x, x.T @ inside, x.sum(axis=0)
    scores = np.zeros(inside.shape)
    for number in range(FOLDS):
        held = np.flatnonzero(fold == number)
        chosen = np.flatnonzero(fold != number)[::10]
        out = np.concatenate([held, chosen])
        n = len(x) - len(out)
        centre = (sums - x[out].sum(axis=0)) / n
        mean = (inside.sum(axis=0) - inside[out].sum(axis=0)) / n
        scatter = gram - x[out].T @ x[out] - n * np.outer(centre, centre)
        spread = np.sqrt(np.maximum(np.diag(scatter), 0) / n)
        scale = np.where(spread > 1e-9, 1 / np.where(spread > 1e-9, spread, 1), 0)
        scatter *= scale[:, None] * scale
        aim = scale[:, None] * (cross - x[out].T @ inside[out] - n * np.outer(centre, mean))
        of_chosen, of_held = ((x[rows] - centre) * scale for rows in (chosen, held))
        best = np.full(inside.shape[1], np.inf)
        for penalty in _PENALTIES * n:
            weights = cho_solve(cho_factor(scatter + penalty * np.eye(len(scatter))), aim)
            loss = ((of_chosen @ weights + mean - inside[chosen]) ** 2).mean(axis=0)
            better = loss < best
            best = np.where(better, loss, best)
            scores[np.ix_(held, better)] = of_held @ weights[:, better]
    return scores
