"""Popularity bands of items, by the rule of PopSteer."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Band(IntEnum):
    """Values as in PopSteer's label files; ``UNSEEN`` is ours."""

    TAIL = -1
    MID = 0
    HEAD = 1
    UNSEEN = -2
    """No training interaction: the model knows nothing of it, so it belongs to no band."""


def popularity_bands(counts: NDArray[np.integer], share: float = 0.2) -> NDArray[np.int8]:
    """Head, middle and tail by cumulative share of training interactions.

    Sorted by count, head items are taken from the top, stopping *before* the item that would push
    their sum over ``share`` of all interactions; then tail items likewise from the bottom. Among equal
    counts the lower index is taken first, at both ends.

    Args:
        counts: training interactions per item.

    Returns:
        ``Band`` per item. All ``UNSEEN`` if there are no interactions.
    """
    n = counts.astype(np.int64)
    limit = share * n.sum()
    bands = np.where(n > 0, Band.MID, Band.UNSEEN).astype(np.int8)
    for band, order in (
        (Band.HEAD, np.argsort(-n, kind="stable")),
        (Band.TAIL, np.argsort(n, kind="stable")),
    ):
        left = order[bands[order] == Band.MID]
        within = np.searchsorted(np.cumsum(n[left]), limit, side="right")
        bands[left[:within]] = band
    return bands
