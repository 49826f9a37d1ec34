"""The angles in ``docs/cav.md``: python docs/cav_figures.py AUDIT MODEL, where the audit has MovieLens' genres.

Cosines of four genres with bootstrap intervals, the paired difference that the page speaks of, and how far
apart a plot of the four alone would draw them, for each way to label items of several genres.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from recaudit.analyses.cav.directions import fitted, resampled, workbench
from recaudit.analyses.cav.geometry import flat_map
from recaudit.analyses.cav.labels import labelled
from recaudit.analyses.cav.material import load
from recaudit.analyses.cav.settings import MULTILABEL, Settings
from recaudit.store import read, reading

GENRES = ("Thriller", "Horror", "Comedy", "Drama")
PAIRS = (
    ("Thriller", "Horror"),
    ("Thriller", "Comedy"),
    ("Drama", "Horror"),
    ("Comedy", "Horror"),
    ("Comedy", "Drama"),
)


def figures(db: Path, name: str, multilabel: str) -> None:
    """Print one block."""
    settings = Settings(multilabel=multilabel)
    with reading(db) as audit:
        material = load(audit, read.model_named(audit, name), settings)
    concepts = material.concepts
    place = [list(concepts.name).index(genre) for genre in GENRES]
    labels = labelled(concepts.has, concepts.kind, material.decile, settings).only(np.array(place))
    bench = workbench(material.vectors, labels, settings)
    fits, solution = fitted(bench, labels, settings)
    n = len(material.vectors)
    rng = np.random.default_rng([settings.seed, 7])
    counts = rng.multinomial(n, np.full(n, 1 / n), size=settings.bootstraps).T.astype(np.float64)
    draws = resampled(bench, labels, fits, solution, counts).astype(np.float64)
    print(f"{name}, {multilabel}")
    cosines = {}
    for pair in PAIRS:
        a, b = (GENRES.index(genre) for genre in pair)
        cosines[pair] = fits.direction[a] @ fits.direction[b], (draws[:, a] * draws[:, b]).sum(axis=1)
        print(f"  cos({', '.join(pair)}) = {_shown(*cosines[pair])}")
    (near, near_draws), (far, far_draws) = cosines[PAIRS[0]], cosines[PAIRS[1]]
    print(f"  difference of the first two = {_shown(near - far, near_draws - far_draws)}")
    flat = flat_map(fits.direction)
    unit = flat.points / np.linalg.norm(flat.points, axis=1, keepdims=True)
    drawn = np.degrees(np.arccos(np.clip(unit[0] @ unit[1], -1, 1)))
    print(f"  thriller and horror on two axes: {drawn:.0f} degrees; the axes hold {flat.share.sum():.0%}")


def _shown(value: float, draws: np.ndarray) -> str:
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


if __name__ == "__main__":
    for chosen in MULTILABEL:
        figures(Path(sys.argv[1]), sys.argv[2], chosen)
