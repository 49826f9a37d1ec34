"""A conditioned model's cases and what its latent space was found to be like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.store.audit import Audit
from recaudit.store.cav_plots import sampled
from recaudit.store.read import Model

TABLES = ("condition_axes", "condition_points", "condition_distances", "condition_centroids")


def case_conditions(audit: Audit, model: Model) -> dict[str, NDArray[Any]]:
    """``case_id, condition`` (None for none) of the users who have conditioned cases, in order of case id."""
    rows = audit.rows(
        "SELECT case_id, condition FROM cases WHERE model_id = $1 AND kind IN ('profile', 'conditioned') "
        "AND user_id IN (SELECT user_id FROM cases WHERE model_id = $1 AND kind = 'conditioned') ORDER BY case_id",
        [model.model_id],
    )
    ids, conditions = zip(*rows, strict=True) if rows else ((), ())
    return {"case_id": np.array(ids, dtype=np.int64), "condition": np.array(conditions, dtype=object)}


def item_rows(audit: Audit, model: Model) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Dense item id and row in the model's own table, of every item it can score."""
    found = audit.columns(
        "SELECT item_id, row FROM model_items WHERE model_id = ? ORDER BY item_id", [model.model_id]
    )
    return found["item_id"].astype(np.int64), found["row"].astype(np.int64)


def profile_items(audit: Audit, model: Model) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """User and item of every interaction that a profile holds: all but the test items."""
    found = audit.columns(
        "SELECT user_id, item_id FROM interactions WHERE dataset_id = ? AND split <> 'test' ORDER BY user_id, position",
        [model.dataset_id],
    )
    return found["user_id"].astype(np.int64), found["item_id"].astype(np.int64)


def clear(audit: Audit, model_id: int) -> None:
    """Remove what is stored about the model's conditions."""
    for table in TABLES:
        audit.connection.execute(f"DELETE FROM {table} WHERE model_id = ?", [model_id])


def spaces(audit: Audit, model: Model) -> list[str]:
    """Spaces looked at so far."""
    rows = audit.rows(
        "SELECT DISTINCT space FROM condition_centroids WHERE model_id = ? ORDER BY space", [model.model_id]
    )
    return [str(row[0]) for row in rows]


def axes(audit: Audit, model: Model, space: str) -> pd.DataFrame:
    """Components of a space: ``axis, variance, eta_squared, dropped``."""
    return audit.frame(
        "SELECT axis, variance, eta_squared, dropped FROM condition_axes WHERE model_id = ? AND space = ? ORDER BY axis",
        [model.model_id, space],
    )


def centroids(audit: Audit, model: Model, space: str) -> pd.DataFrame:
    """Conditions of a space, outermost first."""
    return audit.frame(
        "SELECT coalesce(condition, '(none)') AS condition, radius, n_items, ndcg, ndcg_low, ndcg_high, ndcg_within, "
        "hit_share, hit_share_none, n_ranked FROM condition_centroids WHERE model_id = ? AND space = ? ORDER BY radius DESC, condition",
        [model.model_id, space],
    )


def neighbours(audit: Audit, model: Model, space: str) -> pd.DataFrame:
    """Each condition's others by distance: ``condition, other, distance, rank``."""
    return audit.frame(
        "WITH pairs AS (SELECT condition, other, distance FROM condition_distances WHERE model_id = $1 AND space = $2 "
        "UNION ALL SELECT other, condition, distance FROM condition_distances WHERE model_id = $1 AND space = $2) "
        "SELECT *, rank() OVER (PARTITION BY condition ORDER BY distance) AS rank FROM pairs ORDER BY condition, rank, other",
        [model.model_id, space],
    )


def user_places(audit: Audit, model: Model, space: str, user: int) -> pd.DataFrame:
    """One user under every condition: ``condition, place``."""
    return audit.frame(
        "SELECT coalesce(condition, '(none)') AS condition, place FROM condition_points "
        "WHERE model_id = ? AND space = ? AND user_id = ?",
        [model.model_id, space, user],
    )


@dataclass(frozen=True)
class Plane:
    """Cases of a conditioned model on two components, to be coloured by condition.

    Attributes:
        points: ``user`` (raw id), ``condition`` (None for none), ``x``, ``y``.
        labels: ``condition, x, y``: where the mean of each condition's cases lies, for its name.
        axes: numbers of the two components. Numbers and signs mean nothing in another run.
        variance: share of all variance that each of the two holds, 0..1.
        eta_squared: share of each component's variance that lies between conditions, 0..1.
        n: cases there are; ``points`` may be a sample of them.
    """

    points: pd.DataFrame
    labels: pd.DataFrame
    axes: tuple[int, int]
    variance: tuple[float, float]
    eta_squared: tuple[float, float]
    n: int


def plane(
    audit: Audit,
    model: Model,
    space: str,
    *,
    chosen: tuple[int, int] | None = None,
    most: int = 4000,
    seed: int = 0,
) -> Plane | None:
    """Cases of one of ``spaces`` on two components.

    Args:
        chosen: their numbers, from 1; by default the two on which conditions differ most (eta squared).
        most: points beyond which a sample is drawn, with ``seed``; -1 for all. Labels are of all.

    Returns:
        None where the space holds no cases, or has no such components.
    """
    known = axes(audit, model, space).set_index("axis")
    if chosen is None:
        best = known["eta_squared"].sort_values(ascending=False, kind="stable").index[:2]
        chosen = (int(best.min()), int(best.max())) if len(best) == 2 else (0, 0)
    if not {*chosen} <= {*known.index}:
        return None
    rows = audit.frame(
        "SELECT raw_id AS user, condition, place[$1]::DOUBLE AS x, place[$2]::DOUBLE AS y FROM condition_points p "
        "JOIN users u ON u.dataset_id = $3 AND u.user_id = p.user_id WHERE model_id = $4 AND space = $5 "
        "ORDER BY p.user_id, condition NULLS FIRST",
        [*chosen, model.dataset_id, model.model_id, space],
    )
    rows["condition"] = rows["condition"].astype(object).where(rows["condition"].notna(), None)
    labels = rows.groupby("condition", sort=True, dropna=False)[["x", "y"]].mean().reset_index()
    labels["condition"] = labels["condition"].astype(object).where(labels["condition"].notna(), None)
    first, second = (known.loc[number] for number in chosen)
    return Plane(
        sampled(rows, most, seed),
        labels,
        chosen,
        (float(first["variance"]), float(second["variance"])),
        (float(first["eta_squared"]), float(second["eta_squared"])),
        len(rows),
    )
