"""What a search for an intervention wants less of, or more: popularity, a concept, a difference between user groups.

A target is judged on lists alone, as a function of sums over users (``features``, ``statistic``), so that any two outcomes
can be compared on the same draws of users. It also names what can be turned without a dictionary: a direction of the
vectors, and a penalty on items' scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.errors import NoVerdictError, UsageError
from recaudit.interventions import directions
from recaudit.interventions.bench import Outcome
from recaudit.interventions.steering import Steering
from recaudit.interventions.yardstick import exposure, mix_of_lists
from recaudit.metrics import lists, popularity
from recaudit.models.heads import HEADS
from recaudit.store.read import Catalogue
from recaudit.text import printable

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

FORMS = {
    "popularity": "lists of less popular items, by the Gini index of exposure",
    "concept:NAME": "fewer items of a concept in lists, by their share of places (`--more` for more)",
    "group:ATTRIBUTE": "lists of user groups that differ less, by the divergence of their genre mixes",
}
"""How a target is written, for help and documentation."""


@dataclass(frozen=True)
class Target:
    """See the module.

    Attributes:
        name: as people write it.
        measure: what ``statistic`` is, in words.
        sign: 1 where less of the statistic is wanted, -1 where more.
        features: outcome to what each listed user adds: [listed, m].
        statistic: sums of features [..., m] to numbers [...].
        direction: [dim] the way users' vectors go for more of it; None where none is known.
        penalised: [candidates] what re-ranking takes from scores, in standard deviations; None for no re-ranking.
        separates: whether latents are to be flattened whichever way they go (a group's), not turned down or up.
    """

    name: str
    measure: str
    sign: int
    features: Callable[[Outcome], csr_array]
    statistic: Callable[[FloatArray], FloatArray]
    direction: FloatArray | None
    penalised: FloatArray | None
    separates: bool = False

    def value(self, outcome: Outcome, users: BoolArray) -> float:
        """Of the listed users [listed] that are in."""
        return float(self.statistic(np.asarray(self.features(outcome)[users].sum(axis=0), dtype=np.float64)))

    def gain(self, before: float, after: float) -> float:
        """How much nearer to what is wanted; above 0 is better."""
        return self.sign * (before - after)


def target_named(steering: Steering, name: str, *, more: bool = False) -> Target:
    """Args:
        more: want more of a concept, not less.

    Raises:
        UsageError: no such target, concept or attribute. NoVerdictError: the data says too little for it.
    """
    kind, _, rest = name.partition(":")
    if kind == "popularity" and not rest:
        return _popularity(steering)
    if kind == "concept" and rest:
        return _concept(steering, rest, more)
    if kind == "group" and rest:
        return _group(steering, rest)
    raise UsageError(f"no target {printable(name)}", fix=f"write one of: {', '.join(FORMS)}")


def reranked(steering: Steering, penalised: FloatArray, strength: float) -> Catalogue:
    """The catalogue whose scores lose ``strength * penalised`` standard deviations of a user's scores."""
    catalogue = steering.bench.field.catalogue
    newest = steering.bench.newest
    sample = steering.bench.x[newest[:: max(1, len(newest) // 500)]]
    scores = HEADS[catalogue.head](catalogue.vectors, catalogue.bias, catalogue.tensors).score(sample)
    penalty = strength * float(scores.std(axis=1).mean()) * penalised
    bias = np.zeros(len(penalty)) if catalogue.bias is None else catalogue.bias
    return replace(catalogue, bias=(bias - penalty).astype(np.float32))


def log_popularity(steering: Steering) -> FloatArray:
    """[candidates] standardised log of training interactions."""
    log = np.log1p(steering.yardstick.counts[steering.bench.field.catalogue.item_id])
    return np.asarray((log - log.mean()) / (log.std() or 1.0))


def _popularity(steering: Steering) -> Target:
    return Target(
        "popularity",
        "Gini of exposure",
        1,
        lambda outcome: exposure(steering.bench, outcome),
        popularity.gini,
        directions.popularity(steering.bench) if steering.model.head == "dot" else None,
        _penalty(steering, log_popularity(steering)),
    )


def _concept(steering: Steering, name: str, more: bool) -> Target:
    (concept,) = [one for one in steering.yardstick.concepts if name in (one.name, f"{one.kind}:{one.name}")]
    has = concept.items[steering.bench.field.catalogue.item_id]
    if has.all() or not has.any():
        raise NoVerdictError(
            f"{printable(name)}: {'all' if has.all() else 'none'} of the items that can be recommended have it",
            fix="choose another concept",
        )

    def features(outcome: Outcome) -> csr_array:
        filled = outcome.items != lists.EMPTY
        inside = concept.items[np.where(filled, outcome.items, 0)] & filled
        return csr_array(np.stack([inside.sum(axis=1), filled.sum(axis=1)], axis=1).astype(np.float64))

    vectors = steering.bench.field.catalogue.vectors.astype(np.float64)
    towards = vectors[has].mean(axis=0) - vectors[~has].mean(axis=0)
    return Target(
        f"concept:{concept.kind}:{concept.name}",
        "share of list places",
        -1 if more else 1,
        features,
        lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1),
        towards if steering.model.head == "dot" else None,
        _penalty(steering, (-1.0 if more else 1.0) * has.astype(np.float64)),
    )


def _group(steering: Steering, attribute: str) -> Target:
    known = steering.yardstick.groups
    members = {name: member for name, member in known.items() if name.partition("=")[0] == attribute}
    if len(members) < 2:
        attributes = sorted({name.partition("=")[0] for name in known})
        raise UsageError(
            f"no attribute {printable(attribute)} with two groups",
            fix=f"choose one of: {', '.join(map(printable, attributes))}"
            if attributes
            else "the data has no user groups",
        )
    genres = steering.yardstick.genres
    if genres is None:
        raise NoVerdictError("items have no genres to compare lists by", fix="ingest data with genres")
    users = steering.bench.inputs.listed_users
    inside = np.stack([member[users] for member in members.values()], axis=1).astype(
        np.float64
    )  # [listed, groups]
    n_genres = genres.shape[1]

    def features(outcome: Outcome) -> csr_array:
        mix = mix_of_lists(outcome.items, genres)
        return csr_array((inside[:, :, None] * mix[:, None, :]).reshape(len(users), -1))

    def statistic(sums: FloatArray) -> FloatArray:
        """Mean divergence of a group's mix from everyone's, groups weighing what they hold."""
        by_group = sums.reshape(-1, inside.shape[1], n_genres)
        weight = by_group.sum(axis=2)
        whole = np.repeat(by_group.sum(axis=1), inside.shape[1], axis=0)
        apart = popularity.jensen_shannon(by_group.reshape(-1, n_genres), whole).reshape(weight.shape)
        found = np.where(weight > 0, weight * apart, 0).sum(axis=1) / weight.sum(axis=1)
        return np.asarray(found.reshape(sums.shape[:-1]))

    newest = steering.bench.x[steering.bench.newest].astype(np.float64)
    return Target(
        f"group:{attribute}",
        "divergence of genre mixes",
        1,
        features,
        statistic,
        _widest(newest, inside),
        None,
        separates=True,
    )


def _widest(x: FloatArray, inside: FloatArray) -> FloatArray:
    """The direction along which groups' mean vectors lie furthest apart."""
    weight = inside.sum(axis=0)
    means = (inside.T @ x) / np.maximum(weight, 1)[:, None]
    spread = (means - x.mean(axis=0)) * np.sqrt(weight / weight.sum())[:, None]
    return np.asarray(np.linalg.svd(spread, full_matrices=False)[2][0])


def _penalty(steering: Steering, penalised: FloatArray) -> FloatArray | None:
    return None if steering.model.head == "max-interest" else penalised
