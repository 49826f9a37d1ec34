"""CAVs that are fitted together, and the rows that describe them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.cav import geometry, quality
from recaudit.analyses.cav.directions import Fits
from recaudit.analyses.cav.labels import Labels
from recaudit.analyses.cav.material import Material
from recaudit.analyses.cav.quality import INSUFFICIENT, PRESENT, Quality
from recaudit.analyses.cav.settings import Settings
from recaudit.store.write import Metric, Run

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """CAVs fitted together; arrays [concepts]."""

    material: Material
    settings: Settings
    concept: IntArray
    """Places in ``material.concepts``."""
    against: IntArray
    """Likewise, -1 for none."""
    labels: Labels
    enough: BoolArray


_NUMBERS = (
    *("c", "norm", "intercept", "auc", "auc_low", "auc_high", "average_precision", "base_rate"),
    *("balanced_accuracy", "p", "q", "stability"),
)


def described(batch: Batch, first_id: int, run: Run) -> pd.DataFrame:
    concept_id = batch.material.concepts.concept_id
    against = pd.array(
        [None if other < 0 else int(concept_id[other]) for other in batch.against], dtype="Int32"
    )
    n = len(batch.concept)
    empty = np.full(n, np.nan)
    return pd.DataFrame(
        {
            "cav_id": first_id + np.arange(n),
            "variant": batch.settings.variant,
            "concept_id": concept_id[batch.concept],
            "against_id": against,
            "n_positive": batch.labels.n_positive,
            "n_negative": batch.labels.n_negative,
            "direction": pd.Series([None] * n, dtype=object),
            "fold_auc": pd.Series([None] * n, dtype=object),
            **{name: pd.array(empty, dtype="Float64") for name in _NUMBERS},
            "verdict": INSUFFICIENT,
            "run_id": run.run_id,
        }
    )


def fill(
    frame: pd.DataFrame,
    tested: IntArray,
    fits: Fits,
    judged: Quality,
    p: FloatArray,
    steady: FloatArray,
    settings: Settings,
) -> None:
    q = quality.false_discovery(p)
    columns = {
        "c": fits.penalty,
        "norm": fits.norm,
        "intercept": fits.intercept,
        "auc": judged.auc,
        "auc_low": judged.low,
        "auc_high": judged.high,
        "average_precision": judged.average_precision,
        "base_rate": judged.base_rate,
        "balanced_accuracy": judged.balanced_accuracy,
        "p": p,
        "q": q,
        "stability": steady,
    }
    for name, values in columns.items():
        frame.loc[tested, name] = values
    for row, direction, folds in zip(tested, fits.direction, judged.fold_auc, strict=True):
        frame.at[row, "direction"] = direction.tolist()
        frame.at[row, "fold_auc"] = folds.tolist()
    frame.loc[tested, "verdict"] = [
        quality.verdict(True, q_, low, stable, settings)
        for q_, low, stable in zip(q, judged.low, steady, strict=True)
    ]


def rows_by_kind(frame: pd.DataFrame, batch: Batch) -> dict[str, IntArray]:
    """Rows of fitted single concepts by kind; relative CAVs have no kind to be laid out with."""
    fitted_rows = frame["direction"].notna().to_numpy() & (batch.against < 0)
    kind = batch.material.concepts.kind[batch.concept]
    return {name: np.flatnonzero(fitted_rows & (kind == name)) for name in dict.fromkeys(kind)}


def place(frame: pd.DataFrame, batch: Batch) -> None:
    frame["place"] = pd.array([None] * len(frame), dtype="Int32")
    for rows in rows_by_kind(frame, batch).values():
        if len(rows):
            directions = np.stack([frame.at[row, "direction"] for row in rows])
            frame.loc[rows, "place"] = geometry.clustered_order(directions)


def quality_metrics(frame: pd.DataFrame, batch: Batch) -> list[Metric]:
    found = []
    for row in frame[frame["auc"].notna()].itertuples():
        slice_ = slice_of(batch, int(row.Index))
        n = int(row.n_positive)
        found.append(Metric("cav.auc", row.auc, n, row.auc_low, row.auc_high, "items", "higher", slice_))
        for name, better in (("p", "lower"), ("q", "lower"), ("stability", "higher")):
            found.append(
                Metric(f"cav.{name}", getattr(row, name), n, unit="items", better=better, slice=slice_)
            )
    if (batch.against < 0).all():
        n_tested = int(frame["auc"].notna().sum())
        present = int((frame["verdict"] == PRESENT).sum())
        found.append(Metric("cav.present", present, n_tested, unit="concepts", better="none"))
    return found


def slice_of(batch: Batch, row: int) -> dict[str, str]:
    concepts = batch.material.concepts
    own, other = int(batch.concept[row]), int(batch.against[row])
    found = {"concept": str(concepts.name[own]), "kind": str(concepts.kind[own])}
    return found if other < 0 else {**found, "against": str(concepts.name[other])}
