"""Every user's interactions in time order, with fast histories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """Interactions sorted by user, then position. Columns of equal length."""

    user: IntArray
    item: IntArray
    position: IntArray
    split: IntArray
    """Values of ``Split``."""

    @classmethod
    def sorted(
        cls,
        user: NDArray[np.integer],
        item: NDArray[np.integer],
        position: NDArray[np.integer],
        split: NDArray[np.integer],
    ) -> Timeline:
        order = np.lexsort((position, user))
        return cls(*(np.asarray(c, dtype=np.int64)[order] for c in (user, item, position, split)))

    def only(self, kept: NDArray[np.bool_]) -> Timeline:
        """The rows where ``kept`` is true, positions unchanged."""
        return Timeline(self.user[kept], self.item[kept], self.position[kept], self.split[kept])

    def spans(self, users: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
        """For each case the slice of rows before position ``ends``: start and stop."""
        stride = int(self.position.max(initial=0)) + 2
        keys = self.user * stride + self.position
        start = np.searchsorted(self.user, users, side="left")
        stop = np.searchsorted(keys, users * stride + np.minimum(ends, stride - 1), side="left")
        return start, np.maximum(start, stop)


def gathered(start: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """Row numbers of many slices end to end, and the case each belongs to."""
    lengths = stop - start
    case = np.repeat(np.arange(len(start)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(len(case)) - before[case] + start[case], case
