"""A case's history as a set: one sparse row over all items."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recaudit.errors import InputRefused
from recaudit.models.base import Cases


def profiles(cases: Cases, n_items: int) -> sparse.csr_array:
    """0/1 rows, float32 [n, n_items]."""
    matrix = _matrix(cases, np.ones(len(cases.history), np.float32), n_items)
    matrix.data[:] = 1  # an item that occurs twice is in the set once
    return matrix


def rated_profiles(cases: Cases, n_items: int) -> sparse.csr_array:
    """Rows of ratings, float32 [n, n_items]; of an item rated twice the later rating counts.

    Raises:
        InputRefused: the data has no ratings.
    """
    if cases.ratings is None or np.isnan(cases.ratings).any():
        raise InputRefused(
            "this model reads a user's ratings, but the data has interactions without one",
            fix="give the data with the ratings it was trained on",
        )
    case = np.repeat(np.arange(len(cases)), np.diff(cases.offsets))
    _, last = np.unique((case * n_items + cases.history)[::-1], return_index=True)
    ratings = np.zeros(len(case), np.float32)
    kept = len(case) - 1 - last
    ratings[kept] = cases.ratings[kept]
    return _matrix(cases, ratings, n_items)


def _matrix(cases: Cases, values: np.ndarray, n_items: int) -> sparse.csr_array:
    matrix = sparse.csr_array((values, cases.history, cases.offsets), shape=(len(cases), n_items))
    matrix.sum_duplicates()
    return matrix
