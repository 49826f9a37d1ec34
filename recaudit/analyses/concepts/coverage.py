"""Which concepts have a latent, and which nothing represents.

Every dictionary, control or not, goes through the same two steps: the best direction for each concept is
picked on one half of the entities and scored on the other, over repeated halves that all dictionaries
share; the figure is compared with that of random directions on the same entities.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.concepts.inputs import Entities
from recaudit.metrics import selection
from recaudit.metrics.enrichment import false_discovery
from recaudit.metrics.proportions import wilson_share
from recaudit.metrics.selection import HeldOut, Scores
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SUPPORT = 30
"""Entities with a concept, and without it, below which no verdict is given."""
REPEATS = 3
"""Random splits, each used twice: six folds."""
Q = 0.05
LISTED = 50
"""Concepts of a kind up to which each has numbers of its own among the metrics."""

_CELLS = 1 << 22

BY_POPULARITY = "popularity"
"""The kind of concept that a popularity tenth all but is: nothing to compare within one."""


@dataclass(frozen=True)
class Coverage:
    """Figures of one dictionary under one rule."""

    table: pd.DataFrame
    """Rows of ``concept_coverage``."""
    mean_auc: tuple[float, float, float]
    """Mean of ``auc`` over the tested concepts, with its interval; NaN where none could be tested."""
    mean_gain: tuple[float, float, float]
    """Mean of ``auc - random_auc``, paired."""
    influence: FloatArray
    """[entities] of each on the mean AUC, for paired differences with another dictionary's."""

    @property
    def tested(self) -> NDArray[np.bool_]:
        """[concepts] those that got a verdict."""
        return self.table["verdict"].ne("too few").to_numpy()


def covered(scores: Scores, nulls: Sequence[Scores], entities: Entities, *, seed: int) -> Coverage:
    """The best direction for every concept, on entities it was not picked on, against random directions.

    Args:
        scores: of the entities in the dictionary's directions.
        nulls: of the same entities in random directions, as many as the dictionary has.
    """
    labels = entities.labels
    n, n_concepts = labels.shape
    n_with = np.bincount(labels.indices, minlength=n_concepts)
    testable = np.flatnonzero((n_with >= SUPPORT) & (n - n_with >= SUPPORT))
    table = _frame(entities, n_with, scores.shape[1])
    if not len(testable):
        return Coverage(table, _NOTHING, _NOTHING, np.zeros(n))
    kept = labels[:, testable]
    masks = selection.halves(kept, REPEATS, seed)
    chosen = selection.picks(scores, kept, masks)
    random_choices = [selection.picks(null, kept, masks).folds for null in nulls]
    columns: dict[str, FloatArray] = {}
    together = np.zeros((2, n))
    for part in _parts(n, len(testable)):
        own = [
            _held_out(scores, entities, kept, masks, chosen.folds, part, within) for within in (False, True)
        ]
        random = [
            [_held_out(null, entities, kept, masks, choice, part, within) for within in (False, True)]
            for null, choice in zip(nulls, random_choices, strict=True)
        ]
        plain_null, within_null = (_mean([draw[side] for draw in random]) for side in (0, 1))
        for name, values in _figures(own[0], own[1], plain_null, within_null, seed).items():
            columns.setdefault(name, np.empty(len(testable)))[part] = values
        together += [
            own[0].influence.sum(axis=1),
            (own[0].influence - plain_null.influence).sum(axis=1),
        ]
    same = (entities.concepts["kind"].to_numpy(object)[testable] == BY_POPULARITY) & (entities.kind == "item")
    for name in ("within_auc", "within_low", "within_high", "random_within_auc"):
        columns[name] = np.where(same, np.nan, columns[name])
    columns["q"] = false_discovery(columns["p"])
    for name, values in columns.items():
        table.loc[testable, name] = values
    table["latent"] = pd.array([None] * n_concepts, dtype="Int32")
    table.loc[testable, "latent"] = chosen.whole
    table.loc[testable, "pick_share"] = (chosen.folds == chosen.whole).mean(axis=0)
    table.loc[testable, "verdict"] = verdicts(columns)
    value = np.array([columns["auc"].mean(), (columns["auc"] - columns["random_auc"]).mean()])
    influence = (together / len(testable)).T
    low, high = selection.bootstrap_intervals(value, influence, seed=seed)
    mean_auc, mean_gain = ((float(value[i]), float(low[i]), float(high[i])) for i in (0, 1))
    return Coverage(table, mean_auc, mean_gain, influence[:, 0])


def over_control(own: Coverage, control: Coverage, role: str, *, seed: int) -> list[Metric]:
    """``coverage.auc_over_control``: the mean AUC of one dictionary less that of a control, paired over entities."""
    value = np.array([own.mean_auc[0] - control.mean_auc[0]])
    if np.isnan(value[0]):
        return []
    difference = (own.influence - control.influence)[:, None]
    low, high = selection.bootstrap_intervals(value, difference, seed=seed)
    n = int(own.tested.sum())
    slice_ = {"control": role}
    return [
        Metric(
            "coverage.auc_over_control",
            float(value[0]),
            n,
            float(low[0]),
            float(high[0]),
            "concepts",
            "higher",
            slice_,
        )
    ]


def verdicts(columns: dict[str, FloatArray]) -> NDArray[np.object_]:
    """``covered``, ``popularity only`` or ``not covered`` of each concept."""
    better = (columns["q"] <= Q) & (columns["low"] > columns["random_auc"])
    # Where nothing can be compared within a tenth, popularity cannot be told apart from the concept.
    within = ~(columns["within_low"] <= columns["random_within_auc"])
    found = np.where(better, np.where(within, "covered", "popularity only"), "not covered")
    return found.astype(object)


_NOTHING = (float("nan"),) * 3


def _frame(entities: Entities, n_with: IntArray, n_candidates: int) -> pd.DataFrame:
    return entities.concepts[["concept_id", "kind", "name"]].assign(
        entity_kind=entities.kind,
        n=len(entities.ids),
        n_with=n_with,
        n_candidates=n_candidates,
        latent=pd.array([None] * len(n_with), dtype="Int32"),
        pick_share=np.nan,
        verdict="too few",
    )


def _parts(n: int, concepts: int) -> Iterator[slice]:
    step = max(1, _CELLS // max(n, 1))
    for start in range(0, concepts, step):
        yield slice(start, min(start + step, concepts))


def _held_out(
    scores: Scores,
    entities: Entities,
    labels: object,
    masks: list[NDArray[np.bool_]],
    chosen: IntArray,
    part: slice,
    within: bool,
) -> HeldOut:
    strata = entities.strata if within else None
    return selection.scored(scores, labels[:, part], masks, chosen[:, part], strata)  # type: ignore[index]


def _mean(draws: list[HeldOut]) -> HeldOut:
    return HeldOut(
        np.mean([draw.auc for draw in draws], axis=0), np.mean([draw.influence for draw in draws], axis=0)
    )


def _figures(
    own: HeldOut, within: HeldOut, null: HeldOut, within_null: HeldOut, seed: int
) -> dict[str, FloatArray]:
    low, high = selection.bootstrap_intervals(own.auc, own.influence, seed=seed)
    within_low, within_high = selection.bootstrap_intervals(within.auc, within.influence, seed=seed)
    return {
        "auc": own.auc,
        "low": np.maximum(low, 0),
        "high": np.minimum(high, 1),
        "within_auc": within.auc,
        "within_low": np.maximum(within_low, 0),
        "within_high": np.minimum(within_high, 1),
        "random_auc": null.auc,
        "random_within_auc": within_null.auc,
        "p": selection.p_above_zero(own.auc - null.auc, own.influence - null.influence),
    }


def metrics(coverage: Coverage) -> list[Metric]:
    """``coverage.*`` of one dictionary under one rule, from its table."""
    table = coverage.table[coverage.tested]
    if table.empty:
        return []
    n = len(table)
    by_kind = [({}, table), *(({"kind": kind}, part) for kind, part in table.groupby("kind"))]
    found = []
    for slice_, part in by_kind:
        for name, counted in (
            ("coverage.covered", ("covered", "popularity only")),
            ("coverage.covered_within", ("covered",)),
        ):
            share, low, high = wilson_share(part["verdict"].isin(counted).to_numpy())
            found.append(Metric(name, share, len(part), low, high, "concepts", "higher", slice_))
    for name, (value, low, high) in (
        ("coverage.mean_auc", coverage.mean_auc),
        ("coverage.auc_over_random", coverage.mean_gain),
    ):
        found.append(Metric(name, value, n, low, high, unit="concepts", better="higher"))
    found.append(
        Metric(
            "coverage.mean_auc",
            float(table["random_auc"].mean()),
            n,
            unit="concepts",
            slice={"control": "random"},
        )
    )
    for row in table.groupby("kind").filter(lambda kind: len(kind) <= LISTED).itertuples():
        unit = "items" if row.entity_kind == "item" else "users"
        slice_ = {"kind": row.kind, "concept": row.name}
        found.append(Metric("coverage.best_auc", row.auc, row.n, row.low, row.high, unit, "higher", slice_))
    return found
