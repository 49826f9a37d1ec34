"""PopSteer's published statistics, recomputed from its own files (``--legacy popsteer-v1``).

Its d is taken on pre-activations of every latent, and most of the latents it then steers never fire: use it to
reproduce, not to choose.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.popularity import Band, popularity_bands
from recaudit.errors import InputRefused
from recaudit.metrics.contrasts import cohens_d
from recaudit.text import printable

FloatArray = NDArray[np.float64]

LEGACY = "popsteer-v1"
WARNING = "d is on pre-activations of all latents, dead ones too: most of those with a large |d| never fire"
LARGE = 0.8


@dataclass(frozen=True)
class Published:
    """PopSteer's folder of one data set.

    Attributes:
        d: [latents] recomputed from means and spreads.
        listed: [latents] as published.
        labels: recomputed from interactions: -1, 0, 1 per item.
        listed_labels: as published.
        interactions: training interactions per item.
    """

    d: FloatArray
    listed: FloatArray
    labels: NDArray[np.int8]
    listed_labels: NDArray[np.int8]
    interactions: NDArray[np.int64]

    def labelled_otherwise(self) -> int:
        """Items whose label differs; among equal counts, whose order PopSteer left to chance, only how many are which."""
        ours, theirs = (
            labels[np.lexsort((labels, self.interactions))] for labels in (self.labels, self.listed_labels)
        )
        return int((ours != theirs).sum())

    def figures(self) -> list[tuple[str, float]]:
        """What the publication's tables hold, in words."""
        d = self.d
        return [
            ("latents", len(d)),
            ("d > 0", int((d > 0).sum())),
            ("d < 0", int((d < 0).sum())),
            ("median d", float(np.median(d))),
            ("smallest d", float(d.min())),
            ("largest d", float(d.max())),
            (f"|d| > {LARGE}", int((np.abs(d) > LARGE).sum())),
            ("largest difference to the published d", float(np.abs(d - self.listed).max())),
            *((f"{band.name.lower()} items", int((self.labels == band).sum())) for band in (Band.HEAD, Band.MID, Band.TAIL)),
            ("items labelled otherwise than published", self.labelled_otherwise()),
            ("interactions", int(self.interactions.sum())),
        ]  # fmt: skip


def read_folder(folder: Path) -> Published:
    """``cohens_d.csv``, ``row_stats_popular.csv``, ``row_stats_unpopular.csv`` and the labels of a data set.

    Raises:
        InputRefused: a file is missing or is not PopSteer's.
    """
    popular, unpopular = (
        _columns(folder / f"row_stats_{side}.csv", "mean", "std") for side in ("popular", "unpopular")
    )
    (listed,) = _columns(folder / "cohens_d.csv", "cohen_d")
    if not len(popular[0]) == len(unpopular[0]) == len(listed):
        raise InputRefused(
            f"{printable(folder)}: its three tables of latents differ in length",
            fix="give one data set's folder",
        )
    items, labels = _columns(
        folder / "item_popularity_labels_with_titles.csv", "interaction_count", "popularity_label"
    )
    counts = items.astype(np.int64)
    return Published(
        cohens_d(popular[0], popular[1], unpopular[0], unpopular[1]),
        listed,
        popularity_bands(counts),
        labels.astype(np.int8),
        counts,
    )


def _columns(path: Path, *names: str) -> tuple[FloatArray, ...]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return tuple(np.array([float(row[name]) for row in rows]) for name in names)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputRefused(
            f"{printable(path)}: not a table of PopSteer's with {' and '.join(names)} ({printable(error)})",
            fix="give a folder with cohens_d.csv, row_stats_*.csv and item_popularity_labels_with_titles.csv",
        ) from None
