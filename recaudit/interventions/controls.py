"""What an intervention must be held against: the same by chance, and the same without a dictionary.

``random latents``   the same edits of other live latents that fire as often and move as far: is it these latents, or any?
``noise``            every edited row moved as far in a random direction: is it the direction, or the distance?
``re-ranking``       scores less a multiple of log popularity, at the same change of the lists' popularity
``projection``       the popularity direction taken out of users' vectors, at the same change
``reconstruction``   the dictionary's reconstruction without any edit, where the intervention drops the SAE's error

If the last but two do as well as the edit, a dictionary adds readability and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recaudit.interventions.apply import Reference
from recaudit.interventions.bench import Outcome
from recaudit.interventions.directions import POPULARITY
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.price import Price, priced
from recaudit.interventions.steering import Steering
from recaudit.interventions.targets import log_popularity, reranked
from recaudit.metrics import lists, popularity

DRAWS = 10
"""Random controls behind one number."""
_NEIGHBOURS = 20
"""Latents most alike, from which a random one is drawn."""
_HALVINGS = 12
_LEAST_CHANGE = 0.005
"""Relative change of the lists' popularity below which there is nothing to match."""

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Variant:
    """A control's prices; intervals of random ones are over draws (2.5 to 97.5 %)."""

    name: str
    prices: list[Price]
    draws: int = 1
    strength: float | None = None
    """Of a control that was matched: lambda of the re-ranking, share of the projection."""


def controls(
    steering: Steering, intervention: Intervention, after: Outcome, *, seed: int = 0, draws: int = DRAWS
) -> list[Variant]:
    """Every control that applies to the intervention.

    Args:
        after: the intervention's own outcome.
        draws: of the random controls; 0 leaves them out.
    """
    found: list[Variant] = []
    rng = np.random.default_rng(seed)
    of_users = not any(edit.items for edit in intervention.edits)
    if draws and intervention.of_latents and not intervention.edits[0].items:
        outcomes = (
            steering.outcome(other_latents(steering.users.reference, intervention, rng)) for _ in range(draws)
        )
        found.append(_over_draws("random latents", steering, outcomes, seed))
    if draws and of_users:
        step = steering.vectors(intervention) - steering.users.x
        outcomes = (steering.bench.outcome(steering.users.x + _turned(step, rng)) for _ in range(draws))
        found.append(_over_draws("noise", steering, outcomes, seed))
    if not intervention.keep_error and intervention.of_latents:
        empty = replace(intervention, edits=tuple(edit.scaled(0) for edit in intervention.edits))
        found.append(Variant("reconstruction", _prices(steering, steering.outcome(empty), seed)))
    if of_users:
        itself = {POPULARITY} == {edit.direction for edit in intervention.edits}
        matched = matched_on_popularity(steering, after, seed=seed)
        found += [one for one in matched if not (itself and one.name == "projection")]
    return found


def matched_on_popularity(steering: Steering, after: Outcome, *, seed: int = 0) -> list[Variant]:
    """Re-ranking and projection whose lists are as popular as ``after``'s; none where popularity hardly changes."""
    before = list_popularity(steering, steering.bench.unedited)
    wanted = list_popularity(steering, after)
    if abs(wanted / before - 1) < _LEAST_CHANGE:
        return []
    found = []
    for name, outcome_at in methods(steering).items():
        strength = _matched(lambda at: list_popularity(steering, outcome_at(at)), wanted, before)  # noqa: B023
        if strength is not None:
            found.append(Variant(name, _prices(steering, outcome_at(strength), seed), strength=strength))
    return found


def methods(steering: Steering) -> dict[str, Callable[[float], Outcome]]:
    """Ways to make lists less popular that need no dictionary, by name: strength to outcome, 0 for no change."""
    found: dict[str, Callable[[float], Outcome]] = {}
    if steering.model.head != "max-interest":
        penalised = log_popularity(steering)
        found["re-ranking"] = lambda strength: steering.bench.outcome(
            catalogue=reranked(steering, penalised, strength)
        )
    if POPULARITY in steering.users.reference.directions:
        found["projection"] = lambda strength: steering.outcome(
            Intervention((Edit("project", direction=POPULARITY, by=float(np.clip(strength, -100, 100))),))
        )
    return found


def list_popularity(steering: Steering, outcome: Outcome) -> float:
    """Mean training interactions over all places of all lists."""
    filled = (outcome.items != lists.EMPTY).any(axis=1)
    return float(popularity.mean_over_places(outcome.items[filled], steering.yardstick.counts).mean())


def _matched(popularity_at: Callable[[float], float], wanted: float, before: float) -> float | None:
    """The strength at which lists are as popular as wanted, by halving; None where none reaches it."""
    sign = 1.0 if wanted < before else -1.0
    high = 0.25
    while sign * (popularity_at(sign * high) - wanted) > 0:
        high *= 2
        if high > 16:
            return None
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sign * (popularity_at(sign * middle) - wanted) > 0:
            low = middle
        else:
            high = middle
    return sign * high


def other_latents(reference: Reference, intervention: Intervention, rng: np.random.Generator) -> Intervention:
    """The same edits of random live latents (``stand_ins``)."""
    named = sorted({latent for edit in intervention.edits for latent in edit.latents})
    other = stand_ins(reference, named, rng)
    edits = tuple(
        replace(edit, latents=tuple(sorted(other[j] for j in edit.latents))) if edit.latents else edit
        for edit in intervention.edits
    )
    return replace(intervention, edits=edits)


def stand_ins(reference: Reference, latents: Sequence[int], rng: np.random.Generator) -> dict[int, int]:
    """For each latent another live one, drawn among those that fire about as often and move vectors about as far where they do.

    One that nothing is left for stands for itself.
    """
    assert reference.codes is not None
    fires = np.diff(reference.codes.indptr)
    likeness = _likeness(reference, fires)
    live = np.setdiff1d(np.flatnonzero(fires), latents)
    found: dict[int, int] = {}
    for latent in latents:
        free = np.setdiff1d(live, list(found.values()))
        near = free[np.argsort(np.abs(likeness[free] - likeness[latent]).sum(axis=1), kind="stable")]
        found[latent] = int(rng.choice(near[:_NEIGHBOURS])) if len(near) else latent
    return found


def _likeness(reference: Reference, fires: NDArray[np.integer]) -> NDArray[np.float64]:
    """[latents, 2] logarithms of how often a latent fires, and of how far it moves a vector where it does."""
    spec, codes = reference.spec, reference.codes
    assert spec is not None
    assert codes is not None
    norm = np.linalg.norm(np.where(spec.finite[:, None], spec.decoder, 0).astype(np.float64), axis=1)
    moved = norm * np.asarray(codes.sum(axis=0)).ravel() / np.maximum(fires, 1)
    return np.log(np.maximum(np.stack([fires / max(codes.shape[0], 1), moved], axis=1), 1e-9))


def _turned(step: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Steps of the same length in random directions."""
    moved = np.flatnonzero(step.any(axis=1))
    noise = rng.standard_normal((len(moved), step.shape[1]))
    noise *= np.linalg.norm(step[moved], axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
    turned = np.zeros_like(step)
    turned[moved] = noise
    return turned


def _prices(steering: Steering, outcome: Outcome, seed: int) -> list[Price]:
    return priced(steering.bench, steering.yardstick, outcome, seed=seed)


def _over_draws(name: str, steering: Steering, outcomes: Iterable[Outcome], seed: int) -> Variant:
    drawn = [priced(steering.bench, steering.yardstick, outcome, seed=seed, draws=0) for outcome in outcomes]
    return Variant(name, [_mean(same) for same in zip(*drawn, strict=True)], len(drawn))


def _mean(drawn: Sequence[Price]) -> Price:
    changes = np.array([price.change for price in drawn])
    low, high = np.quantile(changes, [0.025, 0.975])
    return replace(drawn[0], after=drawn[0].before + float(changes.mean()), low=float(low), high=float(high))
