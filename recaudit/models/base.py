"""The cut: what every recommender family offers to the rest of recaudit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """A batch of inputs in the model's own rows.

    Attributes:
        users: [n] user row, -1 where the model knows users only by history.
        history: item rows of all cases end to end, oldest first within a case.
        offsets: [n + 1]; case ``i`` owns ``history[offsets[i]:offsets[i + 1]]``.
    """

    users: IntArray
    history: IntArray
    offsets: IntArray

    def __len__(self) -> int:
        return len(self.users)

    def chunks(self, size: int) -> Iterator[Cases]:
        """Consecutive batches of at most ``size`` cases."""
        for start in range(0, len(self), size):
            offsets = self.offsets[start : min(start + size, len(self)) + 1]
            yield Cases(
                self.users[start : start + size],
                self.history[offsets[0] : offsets[-1]],
                offsets - offsets[0],
            )

    def padded(self, length: int) -> tuple[IntArray, IntArray]:
        """The last ``length`` items of each history, left-aligned: rows [n, length] and lengths [n].

        Places past the end hold 0.
        """
        lengths = np.minimum(np.diff(self.offsets), length)
        width = int(lengths.max(initial=0))
        place = np.arange(width)
        inside = place[None, :] < lengths[:, None]
        start = (self.offsets[1:] - lengths)[:, None]
        rows = np.zeros((len(self), width), dtype=np.int64)
        rows[inside] = self.history[(start + place)[inside]]
        return rows, lengths


@dataclass(frozen=True)
class DotHead:
    """Scores as inner products: ``score(x, i) = x · vectors[i] + bias[i]``.

    A model with this head needs no code of its own after the probing site, so its audit can be
    scored, explained and steered from the stored vectors alone.
    """

    vectors: FloatArray
    """[item rows, dim]."""
    bias: FloatArray | None = None
    """[item rows]."""

    def score(self, x: FloatArray) -> FloatArray:
        """[n, dim] to [n, item rows]."""
        scores = x @ self.vectors.T
        return scores if self.bias is None else scores + self.bias


class Recommender(Protocol):
    """A recommender cut at its probing site: ``represent`` before it, ``head`` after it.

    ``score`` for every item is ``head.score(represent(cases)) + offset(cases)``.
    """

    dim: int
    """Width of a representation."""
    n_items: int
    """Item rows, padding included."""
    n_users: int | None
    """User rows, padding included; None when users are known by history only."""
    history_length: int | None
    """Items of history the model reads; None when a user's vector does not depend on history."""
    site: str
    """Which tensor is probed, in words."""
    head: DotHead

    def represent(self, cases: Cases) -> FloatArray:
        """Vectors just before scoring: [n, dim] float32."""
        ...

    def offset(self, cases: Cases) -> FloatArray | None:
        """What each case adds to all its scores (a user's bias): [n], or None. Never moves a rank."""
        ...
