"""Concept activation vectors in the audit file: what they are made from, and what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.errors import UsageError
from recaudit.store.audit import Audit
from recaudit.store.read import NEWEST_KINDS, Model, Sae
from recaudit.text import printable

IntArray = NDArray[np.int64]

_PER_CAV = ("sensitivities", "cav_groups", "cav_alignment", "cav_angles", "cav_map", "cav_latents")


@dataclass(frozen=True)
class ConceptRows:
    """Concepts of a dataset in order of id, and which of the given items have them."""

    concept_id: IntArray
    kind: NDArray[np.object_]
    name: NDArray[np.object_]
    has: NDArray[np.bool_]
    """[items, concepts]"""


def concepts(audit: Audit, dataset_id: int, item_ids: IntArray) -> ConceptRows:
    """All concepts; ``has`` in the order of ``item_ids``."""
    rows = audit.rows(
        "SELECT concept_id, kind, name FROM concepts WHERE dataset_id = ? ORDER BY concept_id", [dataset_id]
    )
    ids, kinds, names = zip(*rows, strict=True) if rows else ((), (), ())
    pairs = audit.columns("SELECT item_id, concept_id FROM item_concepts WHERE dataset_id = ?", [dataset_id])
    concept_id = np.array(ids, dtype=np.int64)
    has = np.zeros((len(item_ids), len(ids)), dtype=bool)
    item, concept = pairs["item_id"].astype(np.int64), pairs["concept_id"].astype(np.int64)
    row = np.full(max(item.max(initial=-1), item_ids.max(initial=-1)) + 1, -1, dtype=np.int64)
    row[item_ids] = np.arange(len(item_ids))
    known = row[item] >= 0
    has[row[item[known]], np.searchsorted(concept_id, concept[known])] = True
    return ConceptRows(concept_id, np.array(kinds, dtype=object), np.array(names, dtype=object), has)


def rated_interactions(audit: Audit, dataset_id: int) -> dict[str, NDArray[Any]]:
    """``user, item, rating, train`` of every interaction with a rating."""
    found = audit.columns(
        "SELECT user_id AS user, item_id AS item, rating::DOUBLE AS rating, split = 'train' AS train "
        "FROM interactions WHERE dataset_id = ? AND rating IS NOT NULL ORDER BY user_id, position",
        [dataset_id],
    )
    return {name: np.asarray(column) for name, column in found.items()}


def training_pairs(audit: Audit, dataset_id: int) -> tuple[IntArray, IntArray]:
    """User and item of every training interaction."""
    found = audit.columns(
        "SELECT user_id, item_id FROM interactions WHERE dataset_id = ? AND split = 'train' ORDER BY ALL",
        [dataset_id],
    )
    return found["user_id"].astype(np.int64), found["item_id"].astype(np.int64)


def raw_ids(audit: Audit, dataset_id: int, table: str) -> dict[str, int]:
    """Raw id to dense index of ``users`` or ``items``."""
    rows = audit.rows(f"SELECT raw_id, {table[:-1]}_id FROM {table} WHERE dataset_id = ?", [dataset_id])
    return {str(raw): int(index) for raw, index in rows}


def group_columns(audit: Audit, dataset_id: int) -> dict[str, NDArray[Any]]:
    """``user_id, attribute, value`` of every membership."""
    return audit.columns(
        "SELECT user_id, attribute, value FROM user_groups WHERE dataset_id = ? ORDER BY ALL", [dataset_id]
    )


def next_cav_id(audit: Audit) -> int:
    return int(audit.rows("SELECT coalesce(max(cav_id) + 1, 0) FROM cavs")[0][0])


def remove_variant(
    audit: Audit, model_id: int, variant: str, pairs: list[tuple[int, int]] | None = None
) -> None:
    """Delete a variant's CAVs with all that hangs on them: those of single concepts, or the given pairs."""
    wanted = "against_id IS NULL" if pairs is None else "list_contains($pairs, [concept_id, against_id])"
    parameters: dict[str, Any] = {"model": model_id, "variant": variant}
    if pairs is not None:
        parameters["pairs"] = [list(pair) for pair in pairs]
    (ids,) = audit.connection.execute(
        f"SELECT list(cav_id) FROM cavs WHERE model_id = $model AND variant = $variant AND {wanted}",
        parameters,
    ).fetchall()[0]
    if pairs is None:
        # Numbers of concepts that are no longer judged would stay otherwise.
        audit.connection.execute(
            "DELETE FROM metrics WHERE model_id = ? AND protocol = ? AND NOT json_exists(slice, '$.against')",
            [model_id, variant],
        )
    if ids:
        for table in ("cavs", *_PER_CAV):
            audit.connection.execute(f"DELETE FROM {table} WHERE list_contains(?, cav_id)", [ids])


def replace_ratings(audit: Audit, model_id: int, frames: list[pd.DataFrame]) -> None:
    """Store how users rated concepts, replacing what was there for these; other runs' concepts keep theirs."""
    rated = sorted({int(concept) for frame in frames for concept in frame["concept_id"].unique()})
    audit.connection.execute(
        "DELETE FROM cav_ratings WHERE model_id = ? AND list_contains(?, concept_id)", [model_id, rated]
    )
    for frame in frames:
        add(audit, "cav_ratings", model_id, frame)


def add(audit: Audit, table: str, model_id: int, columns: Mapping[str, Any] | pd.DataFrame) -> None:
    """Rows of one of the tables of this file, for one model."""
    frame = pd.DataFrame(columns)
    if len(frame):
        audit.append(table, frame.assign(model_id=model_id))


def has_variant(audit: Audit, model_id: int, variant: str, against: tuple[int, int] | None = None) -> bool:
    """Whether CAVs of a variant are stored: of single concepts, or of one pair."""
    if against is None:
        sql, more = "against_id IS NULL", []
    else:
        sql, more = "concept_id = ? AND against_id = ?", list(against)
    return bool(
        audit.rows(
            f"SELECT 1 FROM cavs WHERE model_id = ? AND variant = ? AND {sql} LIMIT 1",
            [model_id, variant, *more],
        )
    )


def has_sensitivities(audit: Audit, model_id: int, variant: str) -> bool:
    """Whether any concept of a variant is present, so that users were held against it."""
    return bool(
        audit.rows(
            "SELECT 1 FROM sensitivities JOIN cavs v USING (model_id, cav_id) "
            "WHERE model_id = ? AND variant = ? AND against_id IS NULL LIMIT 1",
            [model_id, variant],
        )
    )


def made_with(audit: Audit, model_id: int, variant: str) -> dict[str, Any]:
    """Arguments of the run that made a variant's newest CAVs."""
    rows = audit.rows(
        "SELECT arguments FROM cavs JOIN runs USING (run_id) WHERE model_id = ? AND variant = ? ORDER BY cav_id DESC LIMIT 1",
        [model_id, variant],
    )
    return dict(json.loads(rows[0][0])) if rows else {}


def variants(audit: Audit, model_id: int) -> list[str]:
    """Stored variants, in order of their making."""
    rows = audit.rows(
        "SELECT variant FROM cavs WHERE model_id = ? GROUP BY variant ORDER BY min(cav_id)", [model_id]
    )
    return [str(row[0]) for row in rows]


def table(audit: Audit, model: Model, variant: str) -> pd.DataFrame:
    """CAVs of a variant with the correlations that matter most, kind by kind, best AUC first."""
    return audit.frame(
        """
        WITH said AS (
            SELECT * FROM cav_alignment WHERE model_id = $model AND main AND sensitivity = 'raw' AND NOT adjusted
            AND correlation = 'spearman'
        )
        SELECT v.cav_id, c.kind, c.name || coalesce(' : ' || o.name, '') AS concept, v.against_id IS NOT NULL AS relative,
            n_positive AS n, auc, auc_low, auc_high,
            average_precision, base_rate, balanced_accuracy, v.p, v.q, stability, v.c, verdict, place,
            s.value AS share, s.low AS share_low, s.high AS share_high,
            r.ratings, r.value AS rating, r.low AS rating_low, r.high AS rating_high, r.q AS rating_q, r.n AS users,
            r.smallest
        FROM cavs v JOIN concepts c ON c.dataset_id = $dataset AND c.concept_id = v.concept_id
        LEFT JOIN concepts o ON o.dataset_id = $dataset AND o.concept_id = v.against_id
        LEFT JOIN said r ON r.cav_id = v.cav_id AND r.rating = 'centred'
        LEFT JOIN said s ON s.cav_id = v.cav_id AND s.rating = 'share'
        WHERE v.model_id = $model AND v.variant = $variant
        ORDER BY v.against_id IS NOT NULL, c.kind, auc DESC NULLS LAST, concept
        """,
        {"model": model.model_id, "dataset": model.dataset_id, "variant": variant},  # type: ignore[arg-type]
    )


def alignment(audit: Audit, model: Model, cav_id: int) -> pd.DataFrame:
    """Every correlation of one CAV."""
    return audit.frame(
        "SELECT ratings, rating, sensitivity, adjusted, correlation, value, low, high, p, q, n, smallest "
        "FROM cav_alignment WHERE model_id = ? AND cav_id = ? ORDER BY ALL",
        [model.model_id, cav_id],
    )


def angles(audit: Audit, model: Model, cav_id: int) -> pd.DataFrame:
    """The other CAVs of the kind, nearest first."""
    return audit.frame(
        "SELECT name AS concept, degrees(acos(greatest(-1, least(1, cosine)))) AS degrees, cosine, low, high, "
        "null_low, null_high FROM cav_angles a JOIN cavs v ON v.cav_id = CASE WHEN a.cav_id = $1 THEN other_id ELSE a.cav_id END "
        "JOIN concepts c ON c.dataset_id = $2 AND c.concept_id = v.concept_id "
        "WHERE a.model_id = $3 AND $1 IN (a.cav_id, other_id) ORDER BY cosine DESC, concept",
        [cav_id, model.dataset_id, model.model_id],
    )


_CLOSENESS = (
    "coalesce(case_correlation, item_correlation) IS NULL, "
    "abs(coalesce(case_correlation, item_correlation, cosine)) DESC"
)


def latents(audit: Audit, model: Model, cav_id: int) -> pd.DataFrame:
    """Latents that go with one CAV, strongest correlation over users first; those that never fire last."""
    return audit.frame(
        "SELECT s.name AS sae, latent, cosine, case_correlation, item_correlation FROM cav_latents l "
        f"JOIN saes s USING (sae_id) WHERE l.model_id = ? AND cav_id = ? ORDER BY {_CLOSENESS}, sae, latent",
        [model.model_id, cav_id],
    )


def best_latents(audit: Audit, model: Model, variant: str) -> pd.DataFrame:
    """The latent of each dictionary that goes best with each CAV: ``kind, concept, sae, latent, cosine,
    case_correlation, item_correlation``, closest first.

    Best by correlation over users; where the dictionary reads no users over items, and by cosine where there are
    no codes at all.
    """
    return audit.frame(
        f"""
        SELECT c.kind, c.name AS concept, s.name AS sae, latent, cosine, case_correlation, item_correlation
        FROM cav_latents l JOIN cavs v USING (cav_id) JOIN saes s ON s.sae_id = l.sae_id
        JOIN concepts c ON c.dataset_id = $dataset AND c.concept_id = v.concept_id
        WHERE l.model_id = $model AND v.variant = $variant AND v.against_id IS NULL
        QUALIFY row_number() OVER (
            PARTITION BY l.cav_id, l.sae_id ORDER BY {_CLOSENESS}, latent
        ) = 1
        ORDER BY {_CLOSENESS}, concept, sae
        """,
        {"model": model.model_id, "dataset": model.dataset_id, "variant": variant},  # type: ignore[arg-type]
    )


def sentences(audit: Audit, model_id: int, protocol: str) -> list[str]:
    """Findings of one variant, or of ``conditions``, serious ones first."""
    rows = audit.rows(
        "SELECT sentence FROM findings WHERE model_id = ? AND protocol = ? "
        "ORDER BY CASE severity WHEN 'serious' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END, code",
        [model_id, protocol],
    )
    return [str(row[0]) for row in rows]


def groups(audit: Audit, model: Model, cav_id: int) -> pd.DataFrame:
    """TCAV scores of one CAV, most unlike the others first."""
    return audit.frame(
        "SELECT attribute, value, n, share, low, high, elsewhere, p, q FROM cav_groups "
        "WHERE model_id = ? AND cav_id = ? ORDER BY q, attribute, value",
        [model.model_id, cav_id],
    )


def concept_index(audit: Audit, dataset_id: int, name: str) -> int:
    """Concept id by name, or by ``kind:name`` where several kinds have it.

    Raises:
        UsageError: no such concept, or several; lists some.
    """
    rows = audit.rows(
        "SELECT concept_id, kind, name FROM concepts WHERE dataset_id = $1 AND (name = $2 OR kind || ':' || name = $2 "
        "OR lower(name) = lower($2)) ORDER BY name = $2 DESC, concept_id",
        [dataset_id, name],
    )
    exact = [row for row in rows if name in (row[2], f"{row[1]}:{row[2]}")] or rows
    if len(exact) == 1:
        return int(exact[0][0])
    if exact:
        raise UsageError(
            f"several concepts are called {printable(name)}",
            fix=f"name one of: {', '.join(printable(f'{kind}:{own}', 40) for _, kind, own in exact)}",
        )
    some = audit.rows(
        "SELECT name FROM concepts WHERE dataset_id = ? ORDER BY n_items DESC, concept_id LIMIT 8",
        [dataset_id],
    )
    raise UsageError(
        f"no concept {printable(name)} in the data",
        fix=f"for example {', '.join(printable(row[0], 30) for row in some)}"
        if some
        else "ingest with data that has genres, tags or years",
    )


def concept_names(audit: Audit, dataset_id: int) -> dict[int, tuple[str, str]]:
    """Concept id to its kind and name."""
    rows = audit.rows("SELECT concept_id, kind, name FROM concepts WHERE dataset_id = ?", [dataset_id])
    return {int(concept): (str(kind), str(name)) for concept, kind, name in rows}


def user_profile(audit: Audit, model: Model, variant: str, user: int) -> pd.DataFrame:
    """One user's sensitivity to every concept beside the others', the history's share and the ratings.

    Columns ``cav_id, kind, concept, verdict, sensitivity`` (centred)``, percentile`` (0..1 among users)``,
    in_history`` (items)``, share`` (of the history)``, mean_share`` (of all histories)``, rated, rated_outside`` (mean
    ratings in and outside the concept, NULL for fewer than five of either)``, ratings`` (in the concept).
    """
    return audit.frame(
        """
        WITH own AS (
            SELECT cav_id, user_id, raw, centred, cume_dist() OVER (PARTITION BY cav_id ORDER BY raw) AS percentile
            FROM sensitivities WHERE model_id = $model
        ),
        history AS (
            SELECT user_id, item_id FROM interactions WHERE dataset_id = $dataset AND split = 'train'
        ),
        totals AS (SELECT count(*) AS n, count(*) FILTER (user_id = $user) AS n_own FROM history),
        counts AS (
            SELECT concept_id, count(*) AS n, count(*) FILTER (user_id = $user) AS n_own
            FROM history JOIN item_concepts ic ON ic.dataset_id = $dataset AND ic.item_id = history.item_id
            GROUP BY concept_id
        )
        SELECT v.cav_id, kind, name AS concept, verdict, centred AS sensitivity, percentile,
            coalesce(counts.n_own, 0) AS in_history,
            coalesce(counts.n_own, 0) / nullif(totals.n_own, 0) AS share, counts.n / totals.n AS mean_share,
            r.inside AS rated, r.outside AS rated_outside, r.n_inside AS ratings
        FROM own JOIN cavs v USING (cav_id) JOIN concepts c ON c.dataset_id = $dataset AND c.concept_id = v.concept_id
        CROSS JOIN totals LEFT JOIN counts ON counts.concept_id = v.concept_id
        LEFT JOIN cav_ratings r ON r.model_id = $model AND r.concept_id = v.concept_id AND r.user_id = $user
            AND r.ratings = 'all'
        WHERE own.user_id = $user AND v.model_id = $model AND v.variant = $variant AND v.against_id IS NULL
        ORDER BY percentile DESC, concept
        """,
        {  # type: ignore[arg-type]
            "model": model.model_id,
            "dataset": model.dataset_id,
            "user": user,
            "variant": variant,
        },
    )


def profile_items(audit: Audit, model: Model, user: int, concept_ids: list[int]) -> pd.DataFrame:
    """A user's training items that have one of the concepts: ``concept_id, item_id, item, title, rating``."""
    return audit.frame(
        "SELECT ic.concept_id, i.item_id, items.raw_id AS item, title, rating FROM interactions i "
        "JOIN item_concepts ic ON ic.dataset_id = i.dataset_id AND ic.item_id = i.item_id "
        "JOIN items ON items.dataset_id = i.dataset_id AND items.item_id = i.item_id "
        "WHERE i.dataset_id = ? AND user_id = ? AND split = 'train' AND list_contains(?, ic.concept_id) "
        "ORDER BY ic.concept_id, position",
        [model.dataset_id, user, concept_ids],
    )


def directions(audit: Audit, model_id: int, cav_ids: list[int]) -> NDArray[np.float64]:
    """Stored directions [cavs, dim], in the order given."""
    rows = dict(
        audit.rows(
            "SELECT cav_id, direction FROM cavs WHERE model_id = ? AND list_contains(?, cav_id)",
            [model_id, cav_ids],
        )
    )
    return np.array([rows[cav] for cav in cav_ids], dtype=np.float64)


def mean_codes(audit: Audit, model: Model, sae: Sae) -> NDArray[np.float64]:
    """Mean activation over the newest case of every user: [latents]."""
    found = audit.columns(
        "SELECT latent, total FROM latents WHERE sae_id = ? AND entity_kind = 'case' ORDER BY latent",
        [sae.sae_id],
    )
    ((users,),) = audit.rows(
        "SELECT count(*) FROM cases WHERE model_id = ? AND list_contains(?, kind)",
        [model.model_id, list(NEWEST_KINDS)],
    )
    means = np.zeros(sae.n_latents)
    means[found["latent"].astype(np.int64)] = found["total"].astype(np.float64) / max(users, 1)
    return means


def concepts_of(audit: Audit, model_id: int, cav_ids: list[int]) -> dict[int, int]:
    """Concept id of each CAV, in the order given."""
    rows = dict(
        audit.rows(
            "SELECT cav_id, concept_id FROM cavs WHERE model_id = ? AND list_contains(?, cav_id)",
            [model_id, cav_ids],
        )
    )
    return {cav: int(rows[cav]) for cav in cav_ids}
