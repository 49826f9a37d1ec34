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
    their sum over ``share`` of all interactions; tail items likewise from the bottom. Ties go by
    index, lower first from the top.

    Args:
        counts: training interactions per item.

    Returns:
        ``Band`` per item. All ``UNSEEN`` if there are no interactions.
    """
    descending = np.argsort(-counts.astype(np.int64), kind="stable")
    seen = descending[counts[descending] > 0]
    limit = share * counts.sum()
    n_head = np.searchsorted(np.cumsum(counts[seen]), limit, side="right")
    n_tail = np.searchsorted(np.cumsum(counts[seen[::-1]]), limit, side="right")
    bands = np.full(len(counts), Band.UNSEEN, dtype=np.int8)
    bands[seen] = Band.MID
    bands[seen[len(seen) - n_tail :]] = Band.TAIL
    bands[seen[:n_head]] = Band.HEAD
    return bands
