"""Conceptual sensitivity of users (Kim et al. 2018), and of groups of users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.metrics.proportions import wilson

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Sensitivities:
    """[users, concepts] each.

    ``raw`` is gradient · CAV, ``cosine`` the same at unit length of both, ``centred`` is ``raw`` less its mean
    over users: users share a mean direction, so the sign of ``raw`` says little.
    """

    raw: FloatArray
    cosine: FloatArray
    centred: FloatArray


def sensitivities(gradients: FloatArray, directions: FloatArray) -> Sensitivities:
    """Of every user to every concept.

    Args:
        gradients: [users, width].
        directions: [concepts, width], unit length.
    """
    raw = gradients @ directions.T
    length = np.linalg.norm(gradients, axis=1, keepdims=True)
    cosine = np.divide(raw, length, out=np.zeros_like(raw), where=length > 0)
    return Sensitivities(raw, cosine, raw - raw.mean(axis=0))


@dataclass(frozen=True)
class GroupScore:
    """TCAV of one group: the share of its users whose centred sensitivity is positive. Arrays are [concepts]."""

    n: int
    share: FloatArray
    low: FloatArray
    high: FloatArray
    elsewhere: FloatArray
    """The same share among all other users of the attribute."""
    p: FloatArray


def group_score(positive: BoolArray, member: BoolArray) -> GroupScore:
    """TCAV score of a group with its Wilson interval and permutation p.

    Shuffling who belongs to the group makes its count of positive users hypergeometric, so the permutation
    test is exact and needs no draws; two-sided: twice the smaller tail, at most 1.

    Args:
        positive: [users, concepts] centred sensitivity above 0.
        member: [users].
    """
    from scipy.stats import hypergeom

    users, n = len(member), int(member.sum())
    hits, total = positive[member].sum(axis=0), positive.sum(axis=0)
    upper = hypergeom.sf(hits - 1, users, total, n)
    lower = hypergeom.cdf(hits, users, total, n)
    low, high = wilson(hits, np.full_like(hits, n))
    return GroupScore(
        n,
        hits / n,
        low,
        high,
        (total - hits) / max(users - n, 1),
        np.minimum(1, 2 * np.minimum(upper, lower)),
    )
