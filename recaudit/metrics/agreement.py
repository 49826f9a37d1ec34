"""Do raters agree beyond what chance gives?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fleiss_kappa(counts: NDArray[np.integer]) -> float:
    """Fleiss' kappa: agreement of several raters on categories, 1 = full, 0 = as by chance, below 0 = less.

    Fleiss 1971; subjects may have different numbers of ratings, each then counts by the pairs of its own
    raters. Subjects with fewer than two ratings say nothing
    about agreement and are left out.

    Args:
        counts: [subjects, categories] how many raters gave the subject that category.

    Returns:
        NaN where no subject has two ratings, or every rating is of one category.
    """
    rated = counts[counts.sum(axis=1) >= 2].astype(np.float64)
    if not len(rated):
        return float("nan")
    raters = rated.sum(axis=1)
    observed = float(((rated * (rated - 1)).sum(axis=1) / (raters * (raters - 1))).mean())
    shares = rated.sum(axis=0) / rated.sum()
    by_chance = float((shares**2).sum())
    return float("nan") if by_chance == 1 else (observed - by_chance) / (1 - by_chance)
