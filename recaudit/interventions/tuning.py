"""Turn a concept up and down by the latent that stands for it, and count the concept's places in lists.

RecSAE's targeted tuning (arXiv 2411.06112, table 7), with what it leaves out: rows that the edit can reach beside all rows, intervals,
what random latents do, what the same step along the concept's direction does without any dictionary, and the price in NDCG. A
factor moves only users for whom the latent fires; a quantile is set for everyone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.errors import UsageError
from recaudit.interventions.bench import Outcome
from recaudit.interventions.controls import other_latents
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.steering import Steering
from recaudit.interventions.yardstick import Concept, K
from recaudit.metrics import intervals, lists, ranking
from recaudit.text import printable

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Row = dict[str, Any]
"""A row of the table ``tunings``, without the columns that say of which model."""

LEVELS = "-10,10"
DRAWS = 10
ACTIVE, ALL = "active", "all"
FILTER = "filter"
_LOWEST = np.float32(-1e30)
"""Below every score: items with it come last of all, and into lists only where nothing else is left."""


@dataclass(frozen=True)
class Level:
    """How far a latent is turned: ``x-10`` (times its activation) or ``q0.9`` (set to that quantile of its own)."""

    factor: float | None = None
    quantile: float | None = None

    @property
    def name(self) -> str:
        return f"x{self.factor:g}" if self.factor is not None else f"q{self.quantile:g}"

    @property
    def sign(self) -> float:
        """1 for more of the concept, -1 for less."""
        return -1.0 if self.factor is not None and self.factor < 1 else 1.0

    def of(self, latent: int) -> Edit:
        """The edit of a latent."""
        if self.factor is not None:
            return Edit("scale", (latent,), by=self.factor)
        return Edit("set", (latent,), quantile=self.quantile)


def levels_named(text: str) -> tuple[Level, ...]:
    """``-10,10,q0.9``.

    Raises:
        UsageError: something else is in it.
    """
    found = []
    for part in text.split(","):
        word = part.strip()
        try:
            value = float(word.removeprefix("q"))
        except ValueError:
            raise UsageError(
                f"level {printable(word)}: neither a factor nor a quantile", fix="write them like -10,10,q0.9"
            ) from None
        found.append(Level(quantile=value) if word.startswith("q") else Level(factor=value))
        found[-1].of(0)  # an amount out of range is said here
    return tuple(dict.fromkeys(found))


def tuned(
    steering: Steering,
    concept: Concept,
    latent: int,
    levels: tuple[Level, ...],
    *,
    direction: tuple[str, FloatArray] | None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Iterator[Row]:
    """Figures of one concept and its latent, at every level, beside controls.

    Args:
        latent: the one that stands for the concept.
        direction: name and unit vector [dim] for the control without a dictionary; None where the model has no such.
        draws: random latents; 0 for none.
    """
    counting = _Counting(steering, concept, seed)
    shared = {"concept": f"{concept.kind}:{concept.name}", "latent": latent}
    for level in levels:
        # The same random latents at every level, whatever other levels there are.
        rng = np.random.default_rng(seed)
        own = Intervention((level.of(latent),))
        x = steering.vectors(own)
        active = counting.active(latent, level)
        here = {**shared, "level": level.name}
        yield from _named(here, "edit", counting.figures(steering.bench.outcome(x), active))
        if draws:
            drawn = []
            for _ in range(draws):
                other = other_latents(steering.users.reference, own, rng)
                (stand_in,) = other.edits[0].latents
                drawn.append(counting.values(steering.outcome(other), counting.active(stand_in, level)))
            yield from _named(here, "random latents", over_draws(drawn))
        if direction is not None:
            name, unit = direction
            length = np.linalg.norm((x - steering.users.x).astype(np.float64), axis=1, keepdims=True)
            moved = (steering.users.x + level.sign * length * unit).astype(np.float32)
            yield from _named(here, name, counting.figures(steering.bench.outcome(moved), active))
    filtered = _filtered(steering, concept)
    if filtered is not None:
        everyone = {ALL: np.ones(len(counting.users), dtype=bool)}
        yield from _named({**shared, "level": FILTER}, FILTER, counting.figures(filtered, everyone))


def toward(steering: Steering, concept: Concept, cav: FloatArray | None) -> tuple[str, FloatArray] | None:
    """The direction of a concept without a dictionary: its activation vector, or how its items' mean differs from the others'.

    Returns:
        Name of the control and a unit vector; None where users and items share no space.
    """
    if steering.model.head != "dot":
        return None
    if cav is not None:
        return "concept vector", cav / np.linalg.norm(cav)
    catalogue = steering.bench.field.catalogue
    has = concept.items[catalogue.item_id]
    vectors = catalogue.vectors.astype(np.float64)
    apart = vectors[has].mean(axis=0) - vectors[~has].mean(axis=0)
    return "mean difference", apart / np.linalg.norm(apart)


def _filtered(steering: Steering, concept: Concept) -> Outcome | None:
    """Lists without the concept's items: exact suppression, which needs no model at all."""
    catalogue = steering.bench.field.catalogue
    if catalogue.head == "max-interest":
        return None
    bias = np.zeros(len(catalogue.item_id), np.float32) if catalogue.bias is None else catalogue.bias
    hidden = np.where(concept.items[catalogue.item_id], _LOWEST, bias).astype(np.float32)
    return steering.bench.outcome(catalogue=replace(catalogue, bias=hidden))


Figures = dict[tuple[str, str], Row]
"""Users and metric to the columns of a figure."""


class _Counting:
    """A concept's places in lists, before and after."""

    def __init__(self, steering: Steering, concept: Concept, seed: int) -> None:
        self.steering, self.concept, self.seed = steering, concept, seed
        self.users = steering.bench.inputs.listed_users
        self.before = self._counts(steering.bench.unedited)

    def active(self, latent: int, level: Level) -> dict[str, BoolArray]:
        """Whom a level reaches: those for whom the latent fires; a quantile reaches everyone."""
        codes = self.steering.users.reference.codes
        assert codes is not None
        everyone = np.ones(len(self.users), dtype=bool)
        if level.quantile is not None:
            return {ALL: everyone}
        fires = np.zeros(len(self.users), dtype=bool)
        fires[codes.indices[codes.indptr[latent] : codes.indptr[latent + 1]]] = True
        return {ACTIVE: fires, ALL: everyone}

    def values(self, after: Outcome, whom: Mapping[str, BoolArray]) -> Figures:
        """Figures without intervals."""
        found: Figures = {}
        counts = self._counts(after)
        for users, mask in whom.items():
            for metric, first, second in self._pairs(counts):
                found[users, metric] = figure(first[mask].mean(), second[mask].mean(), int(mask.sum()))
        before, now = (_ndcg(outcome).sum() for outcome in (self.steering.bench.unedited, after))
        if before > 0:
            held_out = len(np.unique(self.steering.bench.inputs.target_users))
            found[ALL, "ndcg kept"] = figure(1.0, now / before, held_out)
        return found

    def figures(self, after: Outcome, whom: Mapping[str, BoolArray]) -> Figures:
        """Figures with paired intervals over users."""
        found = self.values(after, whom)
        counts = self._counts(after)
        for users, mask in whom.items():
            if not mask.any():
                continue
            changes = [second[mask] - first[mask] for _, first, second in self._pairs(counts)]
            rows = np.column_stack([*changes, np.ones(int(mask.sum()))])
            for (metric, *_), estimate in zip(
                self._pairs(counts), intervals.estimate(rows, intervals.means, seed=self.seed), strict=True
            ):
                found[users, metric] |= {"low": estimate.low, "high": estimate.high}
        if (ALL, "ndcg kept") in found:
            columns = np.column_stack([_ndcg(after), _ndcg(self.steering.bench.unedited)])
            sums = intervals.sum_by_user(columns, self.steering.bench.inputs.target_users)
            (estimate,) = intervals.estimate(sums, _ratio, seed=self.seed)
            found[ALL, "ndcg kept"] |= {"low": estimate.low - 1, "high": estimate.high - 1}
        return found

    def _counts(self, outcome: Outcome) -> FloatArray:
        """[listed] places that the concept's items hold."""
        filled = outcome.items != lists.EMPTY
        return np.asarray(
            (self.concept.items[np.where(filled, outcome.items, 0)] & filled).sum(axis=1), dtype=np.float64
        )

    def _pairs(self, after: FloatArray) -> list[tuple[str, FloatArray, FloatArray]]:
        return [
            (f"hit@{K}", (self.before > 0).astype(np.float64), (after > 0).astype(np.float64)),
            (f"items@{K}", self.before, after),
        ]


def _ndcg(outcome: Outcome) -> FloatArray:
    return ranking.ndcg(outcome.ranks, K)


def _ratio(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., 1:] > 0, sums[..., :1] / sums[..., 1:], np.nan)


def figure(before: float, after: float, n: int) -> Row:
    """The columns of a figure, without an interval."""
    return {
        "before": float(before), "after": float(after), "change": float(after - before), "low": None, "high": None,
        "n": n, "draws": 1,
    }  # fmt: skip


def over_draws(drawn: list[Figures]) -> Figures:
    """Figures of random controls: means over draws, and the middle 95 % of their changes."""
    found: Figures = {}
    for key in drawn[0]:
        same = [one[key] for one in drawn]
        before, after, n = (float(np.mean([row[name] for row in same])) for name in ("before", "after", "n"))
        low, high = np.quantile([row["change"] for row in same], [0.025, 0.975])
        found[key] = figure(before, after, round(n)) | {
            "low": float(low),
            "high": float(high),
            "draws": len(drawn),
        }
    return found


def _named(shared: Row, variant: str, figures: Figures) -> Iterator[Row]:
    """Rows of the figures that exist: a group without users has none."""
    for (users, metric), figure in figures.items():
        if figure["n"]:
            yield {**shared, "variant": variant, "users": users, "metric": metric, **figure}
