"""The cut: what every recommender family offers to the rest of recaudit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.models.heads import Head

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Cases:
    """A batch of inputs in the model's own rows.

    Attributes:
        users: [n] user row, -1 where the model knows users only by history.
        history: item rows of all cases end to end, oldest first within a case.
        offsets: [n + 1]; case ``i`` owns ``history[offsets[i]:offsets[i + 1]]``.
        ratings: parallel to ``history``, NaN where the data has none; None when it has none at all.
        conditions: [n] condition of each case, -1 for none; None when the model takes no condition.
    """

    users: IntArray
    history: IntArray
    offsets: IntArray
    ratings: FloatArray | None = None
    conditions: IntArray | None = None

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
                None if self.ratings is None else self.ratings[offsets[0] : offsets[-1]],
                None if self.conditions is None else self.conditions[start : start + size],
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
class Graph:
    """Training interactions in the model's own rows, one entry each; what graph models propagate over."""

    users: IntArray
    items: IntArray


class Recommender(ABC):
    """A recommender cut at its probing site: ``represent`` before it, ``head`` after it.

    What the tool shows for every item is ``link(head.score(represent(cases)) + offset(cases))``.
    A family sets the attributes below in its class or constructor.
    """

    dim: int
    """Width of a representation."""
    n_items: int
    """Item rows, padding included."""
    n_users: int | None = None
    """User rows, padding included; None when users are known by history only."""
    reads: str = "user"
    """What a case's vector depends on: ``user`` (a table row), ``sequence`` (history in order),
    ``set`` (history without order, ratings where the family uses them)."""
    history_length: int | None = None
    """Items of history a ``sequence`` model reads; None for the others."""
    site: str
    """Which tensor is probed, in words."""
    head: Head
    link: str = "identity"
    """See ``heads.LINKS``."""
    n_conditions: int = 0
    """Conditions a case may carry, numbered from 0."""
    needs_graph: bool = False
    """Whether ``with_graph`` must be called before ``represent`` and ``head`` exist."""

    def with_graph(self, graph: Graph) -> Recommender:
        """The model with its tables propagated over the training graph."""
        raise NotImplementedError(f"{type(self).__name__} takes no graph")

    @abstractmethod
    def represent(self, cases: Cases) -> FloatArray:
        """Vectors just before scoring: [n, dim] float32."""

    def offset(self, cases: Cases) -> FloatArray | None:
        """What each case adds to all its scores (a user's bias): [n], or None. Moves no rank."""
        return None
