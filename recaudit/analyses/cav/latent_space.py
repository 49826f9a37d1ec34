"""The geometry of cases under conditions: components, centroids, distances, and whether conditions lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.metrics import clusters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

AXES = 5
"""Components kept, as many as the source looks at."""
_SILHOUETTE_ROWS = 2000
_SHUFFLES = 199


@dataclass(frozen=True)
class Components:
    """PCA of all rows pooled.

    Attributes:
        axes: [components, dim]; each axis' largest coordinate is positive, since its sign is arbitrary.
        centre: [dim].
        variance: [components] share of the variance.
        eta_squared: [components] share of the axis' variance that lies between conditions.
    """

    axes: FloatArray
    centre: FloatArray
    variance: FloatArray
    eta_squared: FloatArray

    def places(self, x: FloatArray) -> FloatArray:
        """Coordinates [rows, components]."""
        return (x - self.centre) @ self.axes.T


def components(x: FloatArray, condition: IntArray, kept: NDArray[np.bool_], count: int = AXES) -> Components:
    """Fit on the ``kept`` rows; a neutral condition that lies far off would otherwise take the first axis.

    Args:
        x: [rows, dim].
        condition: [rows], -1 for none.
    """
    rows = x[kept]
    centre = rows.mean(axis=0)
    centred = rows - centre
    value, vector = np.linalg.eigh(centred.T @ centred)
    order = np.argsort(-value)[: min(count, x.shape[1])]
    axes = vector[:, order].T
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    told = kept & (condition >= 0)
    label = np.unique(condition[told], return_inverse=True)[1]
    eta = clusters.eta_squared((x[told] - centre) @ axes.T, label)
    return Components(axes, centre, np.maximum(value[order], 0) / max(value.sum(), 1e-300), eta)


@dataclass(frozen=True)
class Centroids:
    """[conditions, dim] means and what follows from them; ``none`` [dim] is that of unconditioned cases."""

    mean: FloatArray
    none: FloatArray

    @property
    def middle(self) -> FloatArray:
        found: FloatArray = self.mean.mean(axis=0)
        return found

    @property
    def radius(self) -> FloatArray:
        """[conditions] distance from the mean of the centroids."""
        found: FloatArray = np.linalg.norm(self.mean - self.middle, axis=1)
        return found

    @property
    def none_radius(self) -> float:
        return float(np.linalg.norm(self.none - self.middle))

    @property
    def distance(self) -> FloatArray:
        """[conditions, conditions]"""
        return clusters.distances(self.mean)


def centroids(x: FloatArray, condition: IntArray, n_conditions: int) -> Centroids:
    """Means of the rows of each condition, and of those without."""
    mean = np.stack([x[condition == number].mean(axis=0) for number in range(n_conditions)])
    return Centroids(mean, x[condition < 0].mean(axis=0))


@dataclass(frozen=True)
class Apart:
    """Mean silhouette by condition and the 99th percentile of shuffled labels; ``n`` rows."""

    value: float
    shuffled: float
    n: int


def apart(places: FloatArray, user: IntArray, condition: IntArray, seed: int) -> Apart:
    """Whether conditions lie apart on the components, over whole users drawn with the seed.

    Labels are shuffled within users: a user's rows hang together whatever their labels.
    """
    told = condition >= 0
    rng = np.random.default_rng([seed, 8])
    users = rng.permutation(np.unique(user[told]))
    per_user = max(1, int(told.sum()) // max(len(users), 1))
    chosen = told & np.isin(user, users[: max(2, _SILHOUETTE_ROWS // per_user)])
    order = np.flatnonzero(chosen)[np.argsort(user[chosen], kind="stable")]
    label = np.unique(condition[order], return_inverse=True)[1]
    distance = clusters.distances(places[order])
    own = user[order]
    shuffled = []
    for _ in range(_SHUFFLES):
        within = np.lexsort((rng.random(len(own)), own))
        shuffled.append(clusters.silhouette(distance, label[within]))
    return Apart(clusters.silhouette(distance, label), float(np.quantile(shuffled, 0.99)), len(order))


@dataclass(frozen=True)
class Known:
    """The same over pairs of a user and a condition that training can have shown: the user has an item of it.

    ``share`` of the conditioned rows they are, 0..1; ``distance`` [conditions, conditions] of their centroids.
    """

    share: float
    apart: Apart
    distance: FloatArray


@dataclass(frozen=True)
class Laid:
    """One space: its rows and what was found in them; ``known`` is None where all pairs are known, or too few."""

    name: str
    components: Components
    centroids: Centroids
    places: FloatArray
    apart: Apart
    known: Known | None = None


def laid_out(
    name: str,
    x: FloatArray,
    user: IntArray,
    condition: IntArray,
    n: int,
    seed: int,
    known: NDArray[np.bool_] | None = None,
) -> Laid:
    """Everything about one space.

    Args:
        x: [rows, dim].
        user: [rows].
        condition: [rows], -1 for none, -2 for one that is left out.
        n: conditions.
        known: [rows] whether training can have shown the pair of user and condition.
    """
    kept = condition >= -1
    fitted = components(x, condition, kept)
    places = fitted.places(x)
    found = centroids(x, condition, n)
    return Laid(
        name,
        fitted,
        found,
        places,
        apart(places, user, condition, seed),
        None if known is None else _known(x, places, user, condition, n, seed, known),
    )


def _known(
    x: FloatArray,
    places: FloatArray,
    user: IntArray,
    condition: IntArray,
    n: int,
    seed: int,
    known: NDArray[np.bool_],
) -> Known | None:
    told = condition >= 0
    only = np.where(told & ~known, -2, condition)
    share = float(known[told].mean())
    if share == 1 or len(np.unique(only[only >= 0])) < n:
        return None
    return Known(share, apart(places, user, only, seed), centroids(x, only, n).distance)
