"""Bring an item to an audience: turn latents of the item's own vector and see whose lists it enters.

Monosemanticity4Rec's promotion (arXiv 2511.18024, fig. 5): the item's latents are *set* to a level, users stay as they are. Added: the
levels are shares of what the latent reaches on real items, so that 1 is not beyond them; everybody else's lists; random latents; and
the item moved as far towards the audience's mean vector, which needs no dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.errors import NoVerdictError, UsageError
from recaudit.interventions.controls import stand_ins
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.steering import Steering
from recaudit.interventions.tuning import DRAWS, Figures, Row, figure, over_draws
from recaudit.metrics import intervals
from recaudit.models.heads import HEADS
from recaudit.store import Audit
from recaudit.store import popularity as profile_store
from recaudit.text import printable

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
AUDIENCE, OTHERS, EVERYONE = "audience", "others", "everyone"
OUTSIDE, INSIDE = 20, 30
"""An item is promoted for a user where it ranked below the first before and is within the second after, as published for ML-1M."""
_TOPS = (10, 30)
_USERS = 100
"""Of an audience by concept, unless a number is given."""
_LEAST_PROFILE = 10
"""Interactions below which a share of a concept says nothing of taste."""
_LEAST = 10
"""Users below which an audience is none."""


@dataclass(frozen=True)
class Audience:
    """Users [listed] an item is to reach."""

    name: str
    users: BoolArray


def audience_named(audit: Audit, steering: Steering, name: str) -> Audience:
    """``everyone``, ``gender=F``, or ``Horror[:N]``: the N users whose profile has the largest share of a concept that is watched.

    Raises:
        UsageError: no such group or concept; says what there is. NoVerdictError: it has fewer than ten users.
    """
    listed = steering.bench.inputs.listed_users
    if name == EVERYONE:
        mask = np.ones(len(listed), dtype=bool)
    elif "=" in name:
        mask = steering.group(name)[listed]
    else:
        mask = _with_most(audit, steering, name)
    if mask.sum() < _LEAST:
        raise NoVerdictError(
            f"audience {printable(name)} has {int(mask.sum())} users with a list", fix="choose a larger one"
        )
    return Audience(name, mask)


def concept_of_audience(name: str) -> tuple[str, int] | None:
    """Concept and number of users in an audience's name; None where it names no concept."""
    if name == EVERYONE or "=" in name:
        return None
    concept, colon, number = name.rpartition(":")
    return (concept, int(number)) if colon and number.isdigit() else (name, _USERS)


def _with_most(audit: Audit, steering: Steering, name: str) -> BoolArray:
    found = concept_of_audience(name)
    assert found is not None
    concept, count = found
    (has,) = (
        one.items for one in steering.yardstick.concepts if concept in (one.name, f"{one.kind}:{one.name}")
    )
    user, item = profile_store.profiles(audit, steering.model.dataset_id)
    size = int(max(user.max(initial=0), steering.bench.inputs.listed_users.max(initial=0))) + 1
    held, length = np.bincount(user, has[item], size), np.bincount(user, minlength=size)
    share = np.where(length >= _LEAST_PROFILE, held / np.maximum(length, 1), -1)[
        steering.bench.inputs.listed_users
    ]
    order = np.lexsort((-held[steering.bench.inputs.listed_users], -share))
    mask = np.zeros(len(share), dtype=bool)
    mask[order[:count]] = True
    return mask & (share > 0)


def promoted(
    steering: Steering,
    item: str,
    audience: Audience,
    latents: Sequence[int],
    levels: Sequence[float] = LEVELS,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Iterator[Row]:
    """Figures of one item at every level, beside controls, for the audience and for everyone else.

    Args:
        item: raw id.
        draws: random latents; 0 for none.

    Raises:
        UsageError: no such item, or the dictionary takes no items' vectors apart.
    """
    codes = steering.items.codes
    if codes is None:
        raise UsageError(
            f"the dictionary takes users' vectors apart, not items' of {printable(steering.model.name)}",
            fix="train one with --site item or both, and name it with --sae",
        )
    column = int(np.flatnonzero(steering.rows_of(Edit("ablate", tuple(latents), items=(item,))))[0])
    before = steering.items.x[column]
    highest = codes.max(axis=0).toarray().ravel()
    rng = np.random.default_rng(seed)
    variants: dict[tuple[float, str], list[FloatArray]] = {}
    for level in levels:
        vector = _set(steering, item, column, {j: j for j in latents}, level * highest)
        variants[level, "edit"] = [vector]
        variants[level, "random latents"] = [
            _set(steering, item, column, stand_ins(steering.items.reference, latents, rng), level * highest)
            for _ in range(draws)
        ]
        if steering.model.head == "dot":
            towards = steering.bench.x[steering.bench.newest][audience.users].mean(axis=0)
            length = np.linalg.norm(vector - before) / (np.linalg.norm(towards) or 1.0)
            variants[level, "audience direction"] = [(before + length * towards).astype(np.float32)]
    ranks, free = _ranks(steering, column, [before, *(v for vectors in variants.values() for v in vectors)])
    whom = {AUDIENCE: audience.users & free, OTHERS: ~audience.users & free}
    place = 1
    for (level, variant), vectors in variants.items():
        own = ranks[place : place + len(vectors)]
        place += len(vectors)
        if not len(own):
            continue
        found = [
            _figures(ranks[0], one, whom, seed, with_interval=variant != "random latents") for one in own
        ]
        figures = over_draws(found) if variant == "random latents" else found[0]
        for (users, metric), row in figures.items():
            yield {
                "latents": list(latents),
                "level": level,
                "variant": variant,
                "users": users,
                "metric": metric,
                **row,
            }


def _set(
    steering: Steering,
    item: str,
    column: int,
    stands_for: Mapping[int, int],
    activation: NDArray[np.floating],
) -> FloatArray:
    """The item's vector with latents set to an activation each."""
    edits = tuple(
        Edit("set", (other,), to=float(activation[other]), items=(item,)) for other in stands_for.values()
    )
    catalogue = steering.catalogue(Intervention(edits))
    assert catalogue is not None
    return catalogue.vectors[column]


def _ranks(steering: Steering, column: int, vectors: Sequence[FloatArray]) -> tuple[IntArray, BoolArray]:
    """The item's rank for every listed user with each of its vectors [vectors, listed], and who has not had it [listed].

    One pass over the scores of everything else: only this item's change.
    """
    bench = steering.bench
    catalogue, newest = bench.field.catalogue, bench.newest
    bias = None if catalogue.bias is None else np.repeat(catalogue.bias[column], len(vectors))
    own = HEADS[catalogue.head](np.stack(vectors), bias, catalogue.tensors)
    ranks = np.empty((len(vectors), len(newest)), dtype=np.int64)
    for part, others, out in bench.field.scores(bench.x, newest):
        others[out] = others[:, column] = -np.inf
        scores = own.score(bench.x[newest[part]])
        for number in range(len(vectors)):
            # Ties against the item, as ranks are everywhere.
            ranks[number, part] = 1 + (others >= scores[:, number : number + 1]).sum(axis=1)
    timeline = bench.field.timeline
    had = timeline.user[timeline.item == catalogue.item_id[column]]
    return ranks, ~np.isin(bench.inputs.listed_users, had)


def _figures(
    before: IntArray, after: IntArray, whom: Mapping[str, BoolArray], seed: int, *, with_interval: bool
) -> Figures:
    found: Figures = {}
    for users, mask in whom.items():
        n = int(mask.sum())
        if not n:
            continue
        first, second = before[mask], after[mask]
        pairs = [(f"top {top}", first <= top, second <= top) for top in _TOPS]
        pairs.append(("promoted", np.zeros(n, dtype=bool), (first > OUTSIDE) & (second <= INSIDE)))
        for metric, a, b in pairs:
            found[users, metric] = figure(a.mean(), b.mean(), n)
        if with_interval:
            changes = [b.astype(np.float64) - a for _, a, b in pairs]
            rows = np.column_stack([*changes, np.ones(n)])
            for (metric, *_), estimate in zip(
                pairs, intervals.estimate(rows, intervals.means, seed=seed), strict=True
            ):
                found[users, metric] |= {"low": estimate.low, "high": estimate.high}
        found[users, "median rank"] = figure(np.median(first), np.median(second), n)
    return found
