"""Sparse codes of a batch of vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


@dataclass(frozen=True)
class Codes:
    """Sparse codes of a batch: row ``i`` owns ``latent[offsets[i]:offsets[i+1]]`` and its values.

    Only values above zero are kept; within a row latents ascend.
    """

    latent: NDArray[np.int32]
    value: NDArray[np.float32]
    offsets: NDArray[np.int64]
    n_latents: int

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def row(self) -> NDArray[np.int64]:
        """Row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def matrix(self) -> csr_array:
        """As a scipy sparse array [rows, latents]."""
        return csr_array((self.value, self.latent, self.offsets), shape=(len(self), self.n_latents))

    @classmethod
    def concatenate(cls, parts: list[Codes], n_latents: int) -> Codes:
        """The rows of all parts, one after the other."""
        lengths = [np.diff(part.offsets) for part in parts]
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
        return cls(
            np.concatenate([part.latent for part in parts]),
            np.concatenate([part.value for part in parts]),
            offsets,
            n_latents,
        )
