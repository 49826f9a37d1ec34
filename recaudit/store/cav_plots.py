"""What there is to draw about stored CAVs, each picture as one typed query. No numbers are made here but samples.

=================  ==============================================================================
``kinds``          which kinds of concepts a variant has pictures of
``scatter``        a concept: each user's sensitivity against the rating, or against the history
``angle_matrix``   a kind: cosines of all pairs in clustered order, with intervals and the null
``concept_map``    a kind: CAVs on two axes, with bootstrap clouds
``alignments``     all concepts: the correlations of ``store.cav.alignment`` side by side
=================  ==============================================================================

The picture of a conditioned model's cases is ``store.conditions.plane``.

``variant`` is one of ``store.cav.variants``; ``kind`` one of ``kinds``; ``cav_id`` as in ``store.cav.table``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.store.audit import Audit
from recaudit.store.read import Model

FloatArray = NDArray[np.float64]

RATINGS = {
    "mean": "mean rating of the concept's items",
    "centred": "rating of the concept's items minus that of the others",
    "share": "share of the concept in the training history",
}
"""What ``scatter`` can put on its y axis, in words for that axis."""


def kinds(audit: Audit, model: Model, variant: str) -> list[str]:
    """Kinds with two fitted concepts or more, the largest first: those that have a matrix and a map."""
    rows = audit.rows(
        "SELECT kind FROM cavs v JOIN concepts c ON c.dataset_id = ? AND c.concept_id = v.concept_id "
        "WHERE model_id = ? AND variant = ? AND place IS NOT NULL GROUP BY kind HAVING count(*) >= 2 "
        "ORDER BY count(*) DESC, kind",
        [model.dataset_id, model.model_id, variant],
    )
    return [str(row[0]) for row in rows]


@dataclass(frozen=True)
class Scatter:
    """Users as points: what the model makes of a concept against how they rated it.

    Attributes:
        concept: name.
        ratings: ``held-out`` or ``all``, see ``cav_ratings``.
        y_label: one of ``RATINGS``' texts.
        points: ``user`` (raw id), ``x`` (centred sensitivity), ``y``; in order of dense user id. Users with five
            ratings inside and outside the concept and a training history, as in the correlation.
        n: users there are; ``points`` may be a sample of them.
        value: Spearman correlation over all of them with its 95 % interval ``low``, ``high``; NaN where none is
            stored.
    """

    concept: str
    ratings: str
    y_label: str
    points: pd.DataFrame
    n: int
    value: float
    low: float
    high: float


def scatter(
    audit: Audit,
    model: Model,
    cav_id: int,
    *,
    y: str = "centred",
    ratings: str | None = None,
    most: int = 2000,
    seed: int = 0,
) -> Scatter | None:
    """The points behind a row of ``cav_alignment`` (raw sensitivity, Spearman, not adjusted).

    Args:
        y: a key of ``RATINGS``.
        ratings: ``held-out`` or ``all``; by default those that speak for the concept (``cav_alignment.main``).
        most: points beyond which a sample is drawn, with ``seed``; -1 for all.

    Returns:
        None where nothing is stored: no ratings, too few users, a relative CAV, or a concept that is not present.
    """
    stored = audit.rows(
        "SELECT c.name, a.ratings, a.value, a.low, a.high, v.concept_id FROM cav_alignment a "
        "JOIN cavs v USING (cav_id) JOIN concepts c ON c.dataset_id = $1 AND c.concept_id = v.concept_id "
        "WHERE a.model_id = $2 AND cav_id = $3 AND against_id IS NULL AND sensitivity = 'raw' AND NOT adjusted "
        "AND correlation = 'spearman' AND rating = $4 AND (a.ratings = $5 OR $5 IS NULL AND main)",
        [model.dataset_id, model.model_id, cav_id, y, ratings],
    )
    if not stored:
        return None
    name, source, value, low, high, concept_id = stored[0]
    points = audit.frame(
        """
        WITH history AS (
            SELECT user_id, count(*) FILTER (item_id IN (
                SELECT item_id FROM item_concepts WHERE dataset_id = $dataset AND concept_id = $concept
            )) / count(*) AS share
            FROM interactions WHERE dataset_id = $dataset AND split = 'train' GROUP BY user_id
        )
        SELECT raw_id AS user, centred::DOUBLE AS x,
            CASE $y WHEN 'mean' THEN inside WHEN 'centred' THEN inside - outside ELSE share END::DOUBLE AS y
        FROM cav_ratings r JOIN sensitivities s ON s.model_id = r.model_id AND s.cav_id = $cav AND s.user_id = r.user_id
        JOIN history h ON h.user_id = r.user_id
        JOIN users u ON u.dataset_id = $dataset AND u.user_id = r.user_id
        WHERE r.model_id = $model AND r.concept_id = $concept AND r.ratings = $ratings ORDER BY r.user_id
        """,
        {  # type: ignore[arg-type]
            "dataset": model.dataset_id,
            "model": model.model_id,
            "concept": concept_id,
            "cav": cav_id,
            "ratings": source,
            "y": y,
        },
    )
    return Scatter(name, source, RATINGS[y], sampled(points, most, seed), len(points), value, low, high)


def sampled(points: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """At most so many of the rows, in their order; all of them for -1."""
    if most < 0 or len(points) <= most:
        return points
    chosen = np.sort(np.random.default_rng([seed, 10]).choice(len(points), most, replace=False))
    return points.iloc[chosen].reset_index(drop=True)


@dataclass(frozen=True)
class AngleMatrix:
    """Cosines between the CAVs of a kind, neighbours side by side.

    Attributes:
        cav_id: [n], in clustered order (average linkage, optimal leaves).
        concept: [n] names.
        verdict: [n]; read no angle of one that is ``unstable``.
        cosine: [n, n] symmetric, 1 on the diagonal.
        low, high: [n, n] 95 % bootstrap interval over items.
        null_low, null_high: middle 95 % of cosines between random concepts: inside it an angle means nothing.
    """

    cav_id: NDArray[np.int64]
    concept: list[str]
    verdict: list[str]
    cosine: FloatArray
    low: FloatArray
    high: FloatArray
    null_low: float
    null_high: float

    @property
    def degrees(self) -> FloatArray:
        """[n, n] 0..180."""
        found: FloatArray = np.degrees(np.arccos(np.clip(self.cosine, -1, 1)))
        return found

    @property
    def beyond_chance(self) -> NDArray[np.bool_]:
        """[n, n] whether a cosine lies outside of what random concepts have; false on the diagonal."""
        found: NDArray[np.bool_] = (self.cosine < self.null_low) | (self.cosine > self.null_high)
        np.fill_diagonal(found, val=False)
        return found


def angle_matrix(audit: Audit, model: Model, variant: str, kind: str) -> AngleMatrix | None:
    """Every pair of a kind; None for fewer than two CAVs, or more than are kept in pairs."""
    shown = audit.frame(
        "SELECT cav_id, name, verdict FROM cavs v JOIN concepts c ON c.dataset_id = ? AND c.concept_id = v.concept_id "
        "WHERE model_id = ? AND variant = ? AND kind = ? AND place IS NOT NULL ORDER BY place",
        [model.dataset_id, model.model_id, variant, kind],
    )
    cav_id = shown["cav_id"].to_numpy(dtype=np.int64)
    pairs = audit.columns(
        "SELECT cav_id, other_id, cosine, low, high, null_low, null_high FROM cav_angles "
        "WHERE model_id = ? AND list_contains(?, cav_id)",
        [model.model_id, cav_id.tolist()],
    )
    if not len(pairs["cav_id"]):
        return None
    order = np.argsort(cav_id)
    first, second = (
        order[np.searchsorted(cav_id, pairs[side], sorter=order)] for side in ("cav_id", "other_id")
    )
    cosine, low, high = (np.eye(len(cav_id)) for _ in range(3))
    for matrix, name in ((cosine, "cosine"), (low, "low"), (high, "high")):
        matrix[first, second] = matrix[second, first] = pairs[name]
    return AngleMatrix(
        cav_id,
        shown["name"].tolist(),
        shown["verdict"].tolist(),
        cosine,
        low,
        high,
        float(pairs["null_low"][0]),
        float(pairs["null_high"][0]),
    )


@dataclass(frozen=True)
class ConceptMap:
    """CAVs of a kind on the first two axes of an uncentred PCA: arrows from the origin, at most 1 long.

    Attributes:
        points: ``cav_id, concept, verdict, x, y``, longest arrow first: short ones point off the page.
        clouds: ``cav_id, concept, draw, x, y``: where bootstrap draws of the items put each CAV.
        x_share, y_share: of the directions' squared length that each axis holds, 0..1. Say them beside the
            picture: angles on it are only as good as their sum.
    """

    points: pd.DataFrame
    clouds: pd.DataFrame
    x_share: float
    y_share: float


def concept_map(audit: Audit, model: Model, variant: str, kind: str) -> ConceptMap | None:
    """The map of a kind; None for fewer than two CAVs."""
    rows = audit.frame(
        "SELECT v.cav_id, name AS concept, verdict, draw, x, y, x_share, y_share FROM cav_map m JOIN cavs v USING (cav_id) "
        "JOIN concepts c ON c.dataset_id = ? AND c.concept_id = v.concept_id "
        "WHERE m.model_id = ? AND variant = ? AND kind = ? ORDER BY x * x + y * y DESC, v.cav_id, draw",
        [model.dataset_id, model.model_id, variant, kind],
    )
    if rows.empty:
        return None
    own = rows["draw"].isna()
    clouds = rows.loc[~own, ["cav_id", "concept", "draw", "x", "y"]]
    return ConceptMap(
        rows.loc[own, ["cav_id", "concept", "verdict", "x", "y"]].reset_index(drop=True),
        clouds.astype({"draw": int}).sort_values(["cav_id", "draw"], ignore_index=True),
        float(rows["x_share"].iloc[0]),
        float(rows["y_share"].iloc[0]),
    )


def alignments(audit: Audit, model: Model, variant: str) -> pd.DataFrame:
    """Sensitivity against ratings, a row per concept: Spearman, over the ratings that speak for it.

    Columns ``cav_id, kind, concept, ratings`` (``held-out`` or ``all``)``, n`` (users)``, smallest`` (correlation
    that so many show with 80 % power), and for each question its value with ``_low``, ``_high`` and ``_q``:
    ``share`` (positive control), ``mean``, ``centred``, ``cosine`` (centred, cosine sensitivity), ``adjusted``
    (centred, given log activity and mean popularity of the history). Strongest ``centred`` first.
    """
    asked = {
        "share": "rating = 'share' AND sensitivity = 'raw' AND NOT adjusted",
        "mean": "rating = 'mean' AND sensitivity = 'raw' AND NOT adjusted",
        "centred": "rating = 'centred' AND sensitivity = 'raw' AND NOT adjusted",
        "cosine": "rating = 'centred' AND sensitivity = 'cosine' AND NOT adjusted",
        "adjusted": "rating = 'centred' AND sensitivity = 'raw' AND adjusted",
    }
    columns = ", ".join(
        f"any_value(a.{column}) FILTER ({where}) AS {name}{suffix}"
        for name, where in asked.items()
        for column, suffix in (("value", ""), ("low", "_low"), ("high", "_high"), ("q", "_q"))
    )
    return audit.frame(
        f"SELECT v.cav_id, c.kind, c.name || coalesce(' : ' || o.name, '') AS concept, a.ratings, max(a.n) AS n, "
        f"max(a.smallest) AS smallest, {columns} FROM cav_alignment a JOIN cavs v USING (cav_id) "
        "JOIN concepts c ON c.dataset_id = $1 AND c.concept_id = v.concept_id "
        "LEFT JOIN concepts o ON o.dataset_id = $1 AND o.concept_id = v.against_id "
        "WHERE a.model_id = $2 AND v.variant = $3 AND main AND correlation = 'spearman' "
        "GROUP BY ALL ORDER BY centred DESC NULLS LAST, v.cav_id",
        [model.dataset_id, model.model_id, variant],
    )
