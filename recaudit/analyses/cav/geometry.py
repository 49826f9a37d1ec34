"""How CAVs lie to each other: angles with their error, a clustered order, a flat map that admits what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_CELLS = 1 << 20


@dataclass(frozen=True)
class Angles:
    """Cosines of pairs of CAVs, ``first`` < ``second``, with 95 % bootstrap intervals over items. [pairs]"""

    first: IntArray
    second: IntArray
    cosine: FloatArray
    low: FloatArray
    high: FloatArray


def angles(directions: FloatArray, draws: NDArray[np.float32]) -> Angles:
    """Cosine of every pair.

    Two CAVs of one draw were fitted on the same items, so what their errors share is in the interval.

    Args:
        directions: [concepts, dim], unit length.
        draws: [draws, concepts, dim] bootstrap directions, unit length.
    """
    first, second = np.triu_indices(len(directions), 1)
    cosine = (directions @ directions.T)[first, second]
    low, high = np.empty(len(first)), np.empty(len(first))
    step = max(1, _CELLS // max(draws.shape[0] * draws.shape[2], 1))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        drawn = np.einsum("dpk,dpk->dp", draws[:, first[part]], draws[:, second[part]])
        low[part], high[part] = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Angles(first, second, cosine, low, high)


def clustered_order(directions: FloatArray) -> IntArray:
    """Place of each CAV when neighbours are put side by side: average linkage of 1 - cosine, optimal leaf order.

    Source: Bar-Joseph, Gifford and Jaakkola 2001. [concepts]
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    n = len(directions)
    if n < 3:
        return np.arange(n)
    distance = np.clip(1 - directions @ directions.T, 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average", optimal_ordering=True)
    place = np.empty(n, dtype=np.int64)
    place[leaves_list(tree)] = np.arange(n)
    return place


@dataclass(frozen=True)
class Map:
    """A plot from the origin.

    Attributes:
        axes: [2, dim] first right singular vectors of the directions, uncentred: angles at the origin survive
            as far as two axes can hold them.
        share: [2] of the directions' squared length that each axis holds.
        points: [concepts, 2].
    """

    axes: FloatArray
    share: FloatArray
    points: FloatArray


def flat_map(directions: FloatArray) -> Map:
    """Uncentred PCA. The sign of an axis is arbitrary: its largest coordinate is made positive."""
    _, size, axes = np.linalg.svd(directions, full_matrices=False)
    axes = axes[:2]
    points = directions @ axes.T
    sign = np.sign(points[np.abs(points).argmax(axis=0), np.arange(len(axes))])
    sign[sign == 0] = 1
    axes, points, share = axes * sign[:, None], points * sign, size[:2] ** 2 / (size**2).sum()
    if len(axes) < 2:  # a lone CAV has one axis
        axes = np.vstack([axes, np.zeros_like(axes)])
        points, share = np.column_stack([points, np.zeros(len(points))]), np.append(share, 0.0)
    return Map(axes, share, points)
