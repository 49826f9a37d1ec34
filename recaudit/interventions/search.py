"""Search for the cheapest intervention: latents and strength chosen on some users, reported on others.

Every method is given the same grid of chances: the dictionary's latents, random latents that fire as often, the target's
direction taken out of the vectors, and re-ranking. Each method's best point within the allowed loss on *validation* users is
reported on *test* users, beside the others'. If the dictionary is no better than re-ranking, that is the finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from recaudit.datasets.popularity import Band
from recaudit.errors import NoVerdictError
from recaudit.interventions.bench import Outcome
from recaudit.interventions.controls import other_latents
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.steering import Steering
from recaudit.interventions.targets import Target, reranked
from recaudit.interventions.yardstick import exposure
from recaudit.metrics import intervals, lists, popularity, ranking

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LATENTS = (1, 2, 4, 8, 16, 32, 64, 128)
STRENGTHS = (0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
"""Of edits of latents: 1 silences what is turned down and doubles what is turned up."""
SHARES = tuple(round(0.005 * 2 ** (step / 2), 4) for step in range(17))
"""Strengths of projection and re-ranking: .005 to 1.28, evenly on a logarithmic scale."""
DIRECTION = "target"
_K = 10


@dataclass(frozen=True)
class Halves:
    """Who is chosen on and who is reported on; users with held-out items are shared evenly.

    Attributes:
        validation, test: [listed] masks.
        validation_targets, test_targets: [targets] masks.
    """

    validation: BoolArray
    test: BoolArray
    validation_targets: BoolArray
    test_targets: BoolArray


@dataclass(frozen=True)
class Point:
    """One setting of one method, on both halves.

    Attributes:
        value: of the target's measure, validation and test.
        kept: NDCG@10 after over before, validation and test; NaN where nothing is held out.
        summary: what lists became, on all users.
        intervention: None for re-ranking, which is no edit of vectors.
    """

    method: str
    setting: dict[str, Any]
    value: tuple[float, float]
    kept: tuple[float, float]
    summary: dict[str, float]
    intervention: Intervention | None


@dataclass(frozen=True)
class Chosen:
    """The best point of a method, with intervals on test users.

    Attributes:
        change: of the target's measure against the model as it is.
        kept: NDCG@10 ratio.
        ahead: the dictionary's gain less this method's (above 0: the dictionary gains more); None for the dictionary.
        ahead_kept: the same of NDCG@10 kept.
    """

    point: Point
    change: intervals.Estimate
    kept: intervals.Estimate | None
    ahead: intervals.Estimate | None = None
    ahead_kept: intervals.Estimate | None = None


@dataclass(frozen=True)
class Found:
    """A finished search."""

    target: Target
    max_loss: float
    before: tuple[float, float]
    """The measure of the model as it is, validation and test."""
    summary: dict[str, float]
    """Of the model as it is, as in ``Point``."""
    points: list[Point]
    chosen: dict[str, Chosen]
    halves: Halves = field(repr=False)


def searched(
    steering: Steering,
    target: Target,
    *,
    max_loss: float = 0.01,
    seed: int = 0,
    latents: Sequence[int] = LATENTS,
    strengths: Sequence[float] = STRENGTHS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Try every method's grid, choose on validation users, compare on test users.

    Args:
        max_loss: NDCG@10 that may be lost on validation users, as a share.
        progress: told points done and points in all.

    Raises:
        NoVerdictError: nothing is held out for enough users to know a loss by.
    """
    halves = _halves(steering, seed)
    with_direction = _knowing(steering, target)
    tries = list(_tries(with_direction, target, latents, strengths, seed))
    before = steering.bench.unedited
    outcomes: dict[int, Outcome] = {}
    points: list[Point] = []
    best: dict[str, int] = {}
    base = (target.value(before, halves.validation), target.value(before, halves.test))
    for number, (method, setting, intervention, outcome_of) in enumerate(tries):
        outcome = outcome_of()
        point = _point(steering, target, halves, method, setting, intervention, outcome)
        points.append(point)
        if _allowed(point, max_loss) and target.gain(base[0], point.value[0]) > 0:
            current = best.get(method)
            if current is None or target.gain(points[current].value[0], point.value[0]) > 0:
                outcomes.pop(current if current is not None else -1, None)
                best[method], outcomes[number] = number, outcome
        progress(number + 1, len(tries))
    chosen = _compared(steering, target, halves, {m: (points[i], outcomes[i]) for m, i in best.items()}, seed)
    return Found(target, max_loss, base, _summary(steering, before), points, chosen, halves)


def leverage(steering: Steering, target: Target) -> FloatArray:
    """How much each latent pushes lists towards the target: [latents], signed; 0 for one that never fires.

    The mean over users of what the latent adds to a vector along the target's direction; of a group's target the
    difference between groups in it.
    """
    reference = steering.users.reference
    assert reference.spec is not None
    assert reference.codes is not None
    assert target.direction is not None
    decoder = np.where(reference.spec.finite[:, None], reference.spec.decoder, 0).astype(np.float64)
    mean = np.asarray(reference.codes.sum(axis=0)).ravel() / max(reference.codes.shape[0], 1)
    return np.asarray((decoder @ target.direction) * mean)


def edit_of(steering: Steering, target: Target, n: int, strength: float) -> Intervention:
    """Turn the ``n`` latents of most leverage: down those that push towards what is not wanted, up those against.

    A group's latents are all turned down: a difference between groups goes when what makes it goes.
    """
    push = leverage(steering, target) * target.sign
    order = np.argsort(-np.abs(push), kind="stable")[:n]
    order = order[push[order] != 0]
    down = order if target.separates else order[push[order] > 0]
    up = [] if target.separates else order[push[order] < 0]
    edits = []
    if len(down):
        edits.append(Edit("scale", tuple(int(j) for j in np.sort(down)), by=1 - strength))
    if len(up):
        edits.append(Edit("scale", tuple(int(j) for j in np.sort(up)), by=1 + strength))
    sae = steering.sae
    assert sae is not None
    return Intervention(tuple(edits), sae.name, sae.sha256, about=f"Found for {target.name}")


Try = tuple[str, dict[str, Any], Intervention | None, Callable[[], Outcome]]


def _tries(
    steering: Steering, target: Target, latents: Sequence[int], strengths: Sequence[float], seed: int
) -> Iterator[Try]:
    codes = steering.users.reference.codes
    if codes is not None and target.direction is not None:
        live = int((np.diff(codes.indptr) > 0).sum())
        rng = np.random.default_rng(seed)
        for n in dict.fromkeys(min(n, live) for n in latents):
            for strength in strengths:
                setting = {"latents": n, "strength": strength}
                own = edit_of(steering, target, n, strength)
                yield "latents", setting, own, partial(steering.outcome, own)
                other = other_latents(steering.users.reference, own, rng)
                yield "random latents", setting, other, partial(steering.outcome, other)
    for share in SHARES:
        setting = {"strength": share}
        if target.direction is not None:
            along = Intervention((Edit("project", direction=DIRECTION, by=share * target.sign),))
            yield "projection", setting, None, partial(steering.outcome, along)
        if target.penalised is not None:
            yield "re-ranking", setting, None, partial(_reranked, steering, target.penalised, share)


def _reranked(steering: Steering, penalised: FloatArray, strength: float) -> Outcome:
    return steering.bench.outcome(catalogue=reranked(steering, penalised, strength))


def _knowing(steering: Steering, target: Target) -> Steering:
    """The same with the target's own direction under the name ``DIRECTION``."""
    if target.direction is None:
        return steering
    unit = target.direction / np.linalg.norm(target.direction)
    reference = steering.users.reference
    known = replace(reference, directions={**reference.directions, DIRECTION: unit})
    return replace(steering, users=replace(steering.users, reference=known))


def _halves(steering: Steering, seed: int) -> Halves:
    inputs = steering.bench.inputs
    with_targets, without = np.unique(inputs.target_users), inputs.listed_users
    if len(with_targets) < 20:
        raise NoVerdictError(
            f"items are held out for {len(with_targets)} users, too few to know a loss of accuracy by",
            fix="ingest with another --split, or data that has test rows",
        )
    rng = np.random.default_rng(seed)
    validation = np.zeros(int(max(with_targets.max(), without.max())) + 1, dtype=bool)
    for users in (with_targets, np.setdiff1d(without, with_targets)):
        validation[rng.permutation(users)[: len(users) // 2]] = True
    listed, targets = validation[inputs.listed_users], validation[inputs.target_users]
    return Halves(listed, ~listed, targets, ~targets)


def _point(
    steering: Steering,
    target: Target,
    halves: Halves,
    method: str,
    setting: dict[str, Any],
    intervention: Intervention | None,
    outcome: Outcome,
) -> Point:
    before, after = ranking.ndcg(steering.bench.unedited.ranks, _K), ranking.ndcg(outcome.ranks, _K)
    kept = tuple(
        float(after[mask].sum() / total) if (total := before[mask].sum()) > 0 else float("nan")
        for mask in (halves.validation_targets, halves.test_targets)
    )
    value = (target.value(outcome, halves.validation), target.value(outcome, halves.test))
    return Point(method, setting, value, (kept[0], kept[1]), _summary(steering, outcome), intervention)


def _summary(steering: Steering, outcome: Outcome) -> dict[str, float]:
    """What people ask of any point, on all users."""
    counts, bands = steering.yardstick.counts, steering.yardstick.bands
    items = outcome.items[(outcome.items != lists.EMPTY).any(axis=1)]
    whole = np.asarray(exposure(steering.bench, outcome).sum(axis=0), dtype=np.float64)
    found = {
        "gini@10": float(popularity.gini(whole)),
        "coverage@10": float(popularity.coverage(whole)),
        "arp@10": float(popularity.mean_over_places(items, counts).mean()),
        "long_tail_share@10": float(
            popularity.mean_over_places(items, (bands == Band.TAIL).astype(np.float64)).mean()
        ),
        "overlap@10": float(lists.overlap(outcome.items, steering.bench.unedited.items).mean()),
    }
    if len(outcome.ranks):
        found["ndcg@10"] = float(ranking.ndcg(outcome.ranks, _K).mean())
    return found


def _allowed(point: Point, max_loss: float) -> bool:
    return point.kept[0] >= 1 - max_loss


def _compared(
    steering: Steering, target: Target, halves: Halves, best: dict[str, tuple[Point, Outcome]], seed: int
) -> dict[str, Chosen]:
    own = best.get("latents")
    found = {}
    for method, (point, outcome) in best.items():
        change = _difference(target, halves, steering.bench.unedited, outcome, seed)
        ahead = ahead_kept = None
        if own is not None and method != "latents":
            apart = _difference(target, halves, own[1], outcome, seed)
            # The other's measure less the dictionary's is how much the dictionary is ahead, where less is wanted.
            ahead = apart if target.sign > 0 else _negative(apart)
            ahead_kept = _kept(steering, halves, own[1], outcome, seed, difference=True)
        found[method] = Chosen(point, change, _kept(steering, halves, outcome, None, seed), ahead, ahead_kept)
    return found


def _difference(
    target: Target, halves: Halves, first: Outcome, second: Outcome, seed: int
) -> intervals.Estimate:
    """Measure of the second less that of the first, on test users."""
    a, b = (target.features(outcome)[halves.test] for outcome in (first, second))
    width = a.shape[1]
    both = csr_array(hstack([a, b], format="csr"))
    ((value, low, high),) = popularity.exposure_interval(
        both,
        [lambda sums: target.statistic(sums[..., width:]) - target.statistic(sums[..., :width])],
        seed=seed,
    )
    return intervals.Estimate(value, low, high, both.shape[0])


def _kept(
    steering: Steering,
    halves: Halves,
    first: Outcome,
    second: Outcome | None,
    seed: int,
    *,
    difference: bool = False,
) -> intervals.Estimate | None:
    """NDCG@10 of ``first`` over the model's; or with ``difference`` less the same of ``second``. On test users."""
    mask = halves.test_targets
    columns = [
        ranking.ndcg(outcome.ranks, _K)[mask] for outcome in (steering.bench.unedited, first, second or first)
    ]
    sums = intervals.sum_by_user(np.column_stack(columns), steering.bench.inputs.target_users[mask])
    if not sums[:, 0].sum():
        return None

    def statistic(total: FloatArray) -> FloatArray:
        base = np.where(total[..., :1] > 0, total[..., :1], np.nan)
        kept = total[..., 1:2] / base
        return kept - total[..., 2:3] / base if difference else kept

    (estimate,) = intervals.estimate(sums, statistic, seed=seed)
    return estimate


def _negative(estimate: intervals.Estimate) -> intervals.Estimate:
    return intervals.Estimate(-estimate.value, -estimate.high, -estimate.low, estimate.n)
