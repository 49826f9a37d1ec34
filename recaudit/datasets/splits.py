"""Order of interactions within a user, and the division into train, valid and test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.types import Split

IntArray = NDArray[np.integer]
Labels = NDArray[np.int8]

_LEAST_HISTORY = 3
"""Users with fewer interactions keep them all for training."""


def positions(user: IntArray, key: NDArray[Any] | None) -> NDArray[np.int32]:
    """Place of each row in its user's own order, 0 first.

    Args:
        key: what to sort by, ties keeping row order; None keeps row order throughout.
    """
    order = _row_order(user, key)
    starts = np.flatnonzero(np.diff(user[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(user)))
    place = np.empty(len(user), dtype=np.int32)
    place[order] = np.arange(len(user)) - np.repeat(starts, lengths)
    return place


def _row_order(user: IntArray, key: NDArray[Any] | None) -> NDArray[np.intp]:
    if key is None or not len(key):
        return np.argsort(user, kind="stable")
    if np.issubdtype(key.dtype, np.integer):
        key_bits = (int(key.max()) - int(key.min())).bit_length()
        if int(user.max()).bit_length() + key_bits < np.iinfo(np.int64).bits:
            # One number for both: sorting 25 million of them takes a tenth of lexsort's time.
            return np.argsort((user.astype(np.int64) << key_bits) | (key - key.min()), kind="stable")
    return np.lexsort((key, user))


def leave_one_out(user: IntArray, position: IntArray, known: NDArray[np.bool_]) -> Labels:
    """Each user's last interaction is test, the one before valid, for users with three or more.

    Args:
        known: rows whose place in time is known; others are never held out.
    """
    counts = np.bincount(user)[user]
    from_end = counts - 1 - position
    eligible = known & (counts >= _LEAST_HISTORY)
    labels = np.full(len(user), Split.TRAIN, dtype=np.int8)
    labels[eligible & (from_end == 0)] = Split.TEST
    labels[eligible & (from_end == 1)] = Split.VALID
    return labels


def global_time(time: NDArray[np.int64], known: NDArray[np.bool_], cut_points: tuple[float, float]) -> Labels:
    """Everybody's interactions from two moments on, at shares of the whole time range (as RecSAE: 80 %, 90 %)."""
    labels = np.full(len(time), Split.TRAIN, dtype=np.int8)
    if not known.any():
        return labels
    first, last = int(time[known].min()), int(time[known].max())
    valid_from, test_from = (first + share * (last - first) for share in cut_points)
    labels[known & (time >= valid_from)] = Split.VALID
    labels[known & (time >= test_from)] = Split.TEST
    return labels


def random_per_user(user: IntArray, shares: tuple[float, float], seed: int) -> Labels:
    """From each user with three or more, ``shares`` of the interactions, rounded, for valid and test.

    At least one stays for training.
    """
    counts = np.bincount(user)[user]
    lot = positions(user, np.random.default_rng(seed).random(len(user)))
    n_valid, n_test = (np.floor(share * counts + 0.5) for share in shares)
    eligible = counts >= _LEAST_HISTORY
    labels = np.full(len(user), Split.TRAIN, dtype=np.int8)
    labels[eligible & (lot < np.minimum(n_test + n_valid, counts - 1))] = Split.VALID
    labels[eligible & (lot < np.minimum(n_test, counts - 1))] = Split.TEST
    return labels
