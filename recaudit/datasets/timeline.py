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
    rating: NDArray[np.float32] | None = None
    """NaN where missing; None when the data has no ratings."""

    @classmethod
    def sorted(
        cls,
        user: NDArray[np.integer],
        item: NDArray[np.integer],
        position: NDArray[np.integer],
        split: NDArray[np.integer],
        rating: NDArray[np.float32] | None = None,
    ) -> Timeline:
        order = np.lexsort((position, user))
        return cls(
            user=user[order].astype(np.int64),
            item=item[order].astype(np.int64),
            position=position[order].astype(np.int64),
            split=split[order].astype(np.int64),
            rating=None if rating is None else rating[order],
        )

    def only(self, kept: NDArray[np.bool_]) -> Timeline:
        """The rows where ``kept`` is true, positions unchanged."""
        rating = None if self.rating is None else self.rating[kept]
        return Timeline(self.user[kept], self.item[kept], self.position[kept], self.split[kept], rating)

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
