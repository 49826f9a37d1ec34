"""The lists of the workbench as views: latents, users, items, concepts and figures of bias."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.browse import Field, View
from recaudit.store.read import NEWEST_KINDS, Model, Sae

_NAMES = """
    SELECT latent, arg_min(text, place) AS name, arg_min(confidence, place) AS confidence,
        arg_min(shuffled, place) AS control, min(place) AS place FROM (
        SELECT latent, text, confidence, shuffled,
            CASE WHEN status = 'by hand' THEN 0 WHEN status = 'verified' THEN 1 END AS place
        FROM labels WHERE sae_id = $sae AND protocol <> 'recsae'
    ) WHERE place IS NOT NULL GROUP BY latent
"""
_POPULARITY = """
    SELECT latent, arg_max(value, abs(value)) AS pop FROM latent_bias WHERE sae_id = $sae AND part = 'activation'
    AND statistic = 'spearman' AND contrast IN ('profile popularity', 'item popularity') GROUP BY latent
"""
_ALIKE = """
    SELECT latent, max(value) AS alike FROM latent_scores WHERE sae_id = $sae AND score = 'ms-all-independent'
    GROUP BY latent
"""

LATENTS = View(
    "latents",
    f"""
    SELECT l.*, name, confidence, control, place, pop, alike, total * decoder_norm AS contribution,
        m.entity IS NOT NULL AS bookmarked, t.text AS note
    FROM latents l LEFT JOIN ({_NAMES}) USING (latent) LEFT JOIN ({_POPULARITY}) USING (latent)
    LEFT JOIN ({_ALIKE}) USING (latent)
    LEFT JOIN (SELECT entity FROM bookmarks WHERE sae_id = $sae AND kind = 'latent') m ON m.entity = latent::VARCHAR
    LEFT JOIN (SELECT entity, text FROM notes WHERE sae_id = $sae AND kind = 'latent') t ON t.entity = latent::VARCHAR
    WHERE l.sae_id = $sae AND entity_kind = $kind
    """,
    "latent",
    (
        Field("latent", "latent", "number", "its number"),
        Field(
            "label",
            "CASE WHEN bookmarked THEN '★ ' ELSE '' END || coalesce(name, '')",
            "text",
            "name, by hand or verified",
        ),
        Field("density", "density", "share", "share of users (items) on which it fires"),
        Field("weight", "contribution", "number", "sum of its values x length of its decoder row"),
        Field("conf", "confidence", "share", "of its name: right guesses on unseen cases"),
        Field("pop", "pop", "number", "Spearman correlation with popularity, -1 to 1"),
        Field("max", "max_value", "number", "largest activation"),
        Field("users", "n_users", "number", "distinct users"),
        Field("alike", "alike", "number", "monosemanticity: how alike its items are"),
        Field("cosine", "max_decoder_cosine", "number", "to the most similar decoder row"),
        Field("control", "control", "share", "confidence of other latents' names on the same cases", shown=False),
        Field("note", "coalesce(note, '')", "text", "your note", shown=False),
        Field("bookmarked", "bookmarked", "flag", "marked by you"),
        Field("noted", "note IS NOT NULL", "flag", "has a note"),
        Field("named", "name IS NOT NULL", "flag", "has a name that counts"),
        Field("hand", "coalesce(place = 0, false)", "flag", "named by hand"),
        Field("dead", "dead", "flag", "fires on nothing that is stored"),
    ),
    "weight",
    "label",
)  # fmt: skip

USERS = View(
    "users",
    """
    SELECT u.user_id, u.raw_id AS user, n, rated, mean, p.popularity, coalesce(g.said, '') AS groups, fired,
        c.case_id IS NOT NULL AS known
    FROM users u
    LEFT JOIN (SELECT user_id, count(*) AS n, count(rating) AS rated, avg(rating) AS mean FROM interactions
        WHERE dataset_id = $dataset GROUP BY user_id) USING (user_id)
    LEFT JOIN (SELECT i.user_id, avg(train_count) AS popularity FROM interactions i JOIN items USING (dataset_id, item_id)
        WHERE dataset_id = $dataset AND split = 'train' GROUP BY i.user_id) p USING (user_id)
    LEFT JOIN (SELECT user_id, string_agg(attribute || '=' || value, ' ' ORDER BY attribute, value) AS said
        FROM user_groups WHERE dataset_id = $dataset GROUP BY user_id) g USING (user_id)
    LEFT JOIN (SELECT user_id, min(case_id) AS case_id FROM cases WHERE model_id = $model AND list_contains($kinds, kind)
        GROUP BY user_id) c USING (user_id)
    LEFT JOIN (SELECT entity_id AS case_id, count(*) AS fired FROM activations WHERE sae_id = $sae
        AND entity_kind = 'case' GROUP BY entity_id) a USING (case_id)
    WHERE u.dataset_id = $dataset
    """,
    "user",
    (
        Field("user", '"user"', "text", "id in the data"),
        Field("items", "n", "number", "interactions"),
        Field("rating", "mean", "number", "mean rating given"),
        Field("pop", "popularity", "number", "mean popularity of the training history"),
        Field("latents", "fired", "number", "latents that fire on the newest case"),
        Field("groups", "groups", "text", "groups the user belongs to"),
        Field("known", "known", "flag", "the model has a vector of this user"),
    ),
    "items",
    "user",
)  # fmt: skip

ITEMS = View(
    "items",
    """
    SELECT i.item_id, i.raw_id AS item, coalesce(title, i.raw_id) AS title, year, train_count, r.listed, r.first, mean,
        coalesce(k.said, '') AS concepts, m.item_id IS NOT NULL AS candidate
    FROM items i
    LEFT JOIN (SELECT item_id, count(*) AS listed, count(*) FILTER (rank = 1) AS first FROM recommendations
        WHERE model_id = $model AND sae_id IS NULL AND protocol = $protocol AND rank <= 10 GROUP BY item_id) r USING (item_id)
    LEFT JOIN (SELECT item_id, avg(rating) AS mean FROM interactions WHERE dataset_id = $dataset GROUP BY item_id) USING (item_id)
    LEFT JOIN (SELECT item_id, string_agg(name, ', ' ORDER BY name) AS said FROM item_concepts
        JOIN concepts USING (dataset_id, concept_id) WHERE dataset_id = $dataset AND concepts.kind IN ('genre', 'category')
        GROUP BY item_id) k USING (item_id)
    LEFT JOIN (SELECT item_id FROM model_items WHERE model_id = $model) m USING (item_id)
    WHERE i.dataset_id = $dataset
    """,
    "item",
    (
        Field("item", "item", "text", "id in the data"),
        Field("title", "title", "text", "title, or the id"),
        Field("year", "year", "number", "of release"),
        Field("pop", "train_count", "number", "interactions in training"),
        Field("listed", "listed", "number", "lists of ten it is in"),
        Field("first", "first", "number", "lists it heads"),
        Field("rating", "mean", "number", "mean rating"),
        Field("genre", "concepts", "text", "its genres"),
        Field("candidate", "candidate", "flag", "the model can recommend it"),
    ),
    "pop",
    "title",
)  # fmt: skip

CONCEPTS = View(
    "concepts",
    """
    SELECT c.kind || ':' || c.name AS key, c.kind, c.name, c.n_items, v.verdict, v.latent, v.auc, v.random_auc, v.within_auc,
        cav.auc AS cav, cav.verdict AS cav_verdict, cav.stability, a.value AS alignment
    FROM concepts c
    LEFT JOIN (SELECT * FROM concept_coverage WHERE sae_id = $sae QUALIFY row_number() OVER (
        PARTITION BY kind, name ORDER BY rule <> 'recommended10', rule) = 1) v ON v.kind = c.kind AND v.name = c.name
    LEFT JOIN (SELECT * FROM cavs WHERE model_id = $model AND against_id IS NULL QUALIFY row_number() OVER (
        PARTITION BY concept_id ORDER BY cav_id) = 1) cav ON cav.concept_id = c.concept_id
    LEFT JOIN (SELECT cav_id, any_value(value) AS value FROM cav_alignment WHERE model_id = $model AND main AND sensitivity = 'raw'
        AND rating = 'centred' AND NOT adjusted AND correlation = 'spearman' GROUP BY cav_id) a ON a.cav_id = cav.cav_id
    WHERE c.dataset_id = $dataset
    """,
    "key",
    (
        Field("key", "key", "text", "kind and name", shown=False),
        Field("kind", "kind", "text", "genre, tag, decade, …"),
        Field("concept", "name", "text", "its name"),
        Field("items", "n_items", "number", "items that have it"),
        Field("verdict", "coalesce(verdict, '–')", "text", "of coverage: covered, not covered, popularity only, too few"),
        Field("latent", "latent", "number", "the latent that has most of it"),
        Field("auc", "auc", "number", "held-out AUC of the best latent"),
        Field("random", "random_auc", "number", "the same of random directions"),
        Field("within", "within_auc", "number", "the AUC within a tenth of popularity"),
        Field("cav", "cav", "number", "held-out AUC of its concept vector"),
        Field("present", "coalesce(cav_verdict, '–')", "text", "verdict on the concept vector"),
        Field("ratings", "alignment", "number", "Spearman correlation of sensitivity with ratings"),
        Field("stability", "stability", "number", "of the concept vector", shown=False),
        Field("missing", "coalesce(verdict = 'not covered', false)", "flag", "no latent has it"),
    ),
    "auc",
    "concept",
)  # fmt: skip

BIAS = View(
    "latent_bias",
    f"""
    SELECT b.*, name, b.contrast || ' ' || b.latent AS key FROM latent_bias b LEFT JOIN ({_NAMES}) USING (latent)
    WHERE b.sae_id = $sae AND part = 'activation' AND statistic <> 'mean rank'
    """,
    "key",
    (
        Field("key", "key", "text", "contrast and latent", shown=False),
        Field("contrast", "contrast", "text", "what it is held against"),
        Field("latent", "latent", "number", "its number"),
        Field("label", "coalesce(name, '')", "text", "name, by hand or verified"),
        Field("statistic", "statistic", "text", "d or spearman"),
        Field("value", "value", "number", "above 0: the popular side, or the group"),
        Field("size", "abs(value)", "number", "without its sign"),
        Field("low", "low", "number", "95 % interval"),
        Field("high", "high", "number", "95 % interval"),
        Field("q", "q", "number", "Benjamini-Hochberg"),
        Field("n", "n", "number", "users, pairs or items"),
    ),
    "size",
    "label",
)  # fmt: skip


def parameters(view: View, model: Model, sae: Sae | None) -> dict[str, Any]:
    """What a view's SQL asks for, of one model and dictionary."""
    known = {
        "model": model.model_id,
        "dataset": model.dataset_id,
        "protocol": model.protocol,
        "kinds": list(NEWEST_KINDS),
        "sae": None if sae is None else sae.sae_id,
        "kind": None if sae is None else sae.entity_kinds[0],
    }
    asked = set(re.findall(r"\$(\w+)", view.source))
    return {name: value for name, value in known.items() if name in asked}


def search_items(audit: Audit, dataset_id: int, text: str, limit: int) -> list[tuple[str, str]]:
    """Raw id and title of items whose title or id holds a text, most popular first."""
    rows = audit.rows(
        "SELECT raw_id, coalesce(title, raw_id) FROM items WHERE dataset_id = ? AND (contains(lower(coalesce(title, '')), "
        "lower(?)) OR raw_id = ?) ORDER BY raw_id = ? DESC, train_count DESC, item_id LIMIT ?",
        [dataset_id, text, text, text, limit],
    )
    return [(str(raw), str(title)) for raw, title in rows]


def search_users(audit: Audit, dataset_id: int, text: str, limit: int) -> list[str]:
    """Raw ids that begin with a text, the shortest first."""
    rows = audit.rows(
        "SELECT raw_id FROM users WHERE dataset_id = ? AND starts_with(raw_id, ?) ORDER BY length(raw_id), raw_id LIMIT ?",
        [dataset_id, text, limit],
    )
    return [str(raw) for (raw,) in rows]


def search_concepts(audit: Audit, dataset_id: int, text: str, limit: int) -> list[tuple[str, str]]:
    """Kind and name of concepts whose name holds a text, the commonest first."""
    rows = audit.rows(
        "SELECT kind, name FROM concepts WHERE dataset_id = ? AND contains(lower(name), lower(?)) "
        "ORDER BY lower(name) = lower(?) DESC, n_items DESC, concept_id LIMIT ?",
        [dataset_id, text, text, limit],
    )
    return [(str(kind), str(name)) for kind, name in rows]


def search_latents(audit: Audit, sae: Sae, text: str, limit: int) -> list[tuple[int, str]]:
    """Latents whose name holds a text, or that have that number: with their names."""
    rows = audit.connection.execute(
        f"SELECT l.latent, coalesce(name, '') FROM latents l LEFT JOIN ({_NAMES}) USING (latent) WHERE l.sae_id = $sae "
        "AND entity_kind = $kind AND (contains(lower(coalesce(name, '')), lower($text)) OR starts_with(l.latent::VARCHAR, $text)) "
        "ORDER BY l.latent::VARCHAR = $text DESC, name IS NULL, l.latent LIMIT $limit",
        {"sae": sae.sae_id, "kind": sae.entity_kinds[0], "text": text, "limit": limit},
    ).fetchall()
    return [(int(latent), str(name)) for latent, name in rows]


def training_looks(audit: Audit, sae: Sae) -> pd.DataFrame:
    """What each look during a dictionary's training found, in their order; empty where it was not trained here."""
    return audit.frame(
        "SELECT step, explained_variance, overlap, ndcg_ratio FROM training_log WHERE sae_id = ? ORDER BY step",
        [sae.sae_id],
    )


def latent_names(audit: Audit, sae: Sae) -> dict[int, str]:
    """Names that count, by latent: by hand, else verified."""
    rows = audit.connection.execute(_NAMES, {"sae": sae.sae_id}).fetchall()
    return {int(row[0]): str(row[1]) for row in rows}


def group_sizes(audit: Audit, dataset_id: int) -> list[tuple[str, int]]:
    """User groups, ``attribute=value``, with their numbers of users."""
    rows = audit.rows(
        "SELECT attribute || '=' || value, count(*) FROM user_groups WHERE dataset_id = ? GROUP BY ALL ORDER BY 1",
        [dataset_id],
    )
    return [(str(name), int(n)) for name, n in rows]


def gate_runs(audit: Audit, model: str) -> pd.DataFrame:
    """When gates judged a model: ``finished, policy, baseline, version, seed``, the newest first."""
    return audit.frame(
        "SELECT strftime(finished, '%Y-%m-%d %H:%M') AS finished, arguments ->> 'policy' AS policy, "
        "arguments ->> 'baseline' AS baseline, tool_version AS version, seed FROM runs "
        "WHERE command = 'gate' AND arguments ->> 'model' = ? ORDER BY runs.finished DESC, policy",
        [model],
    )


def user_facts(audit: Audit, model: Model, user: int) -> list[tuple[str, Any]]:
    """What is known of a user besides the history, in words."""
    ((n, train, rated, mean),) = audit.rows(
        "SELECT count(*), count(*) FILTER (split = 'train'), count(rating), avg(rating) FROM interactions "
        "WHERE dataset_id = ? AND user_id = ?",
        [model.dataset_id, user],
    )
    groups = audit.rows(
        "SELECT attribute, value FROM user_groups WHERE dataset_id = ? AND user_id = ? ORDER BY ALL",
        [model.dataset_id, user],
    )
    found: list[tuple[str, Any]] = [("interactions", f"{n:,}, {train:,} of them in training")]
    if rated:
        found.append(("ratings", f"{rated:,}, {mean:.2f} on average"))
    return [*found, *((str(attribute), str(value)) for attribute, value in groups)]


def history(audit: Audit, dataset_id: int, user: int, limit: int) -> tuple[pd.DataFrame, int]:
    """A user's newest interactions (``position, title, item, rating, split``), and how many there are."""
    frame = audit.frame(
        "SELECT position, coalesce(title, raw_id) AS title, raw_id AS item, rating, split FROM interactions i "
        "JOIN items USING (dataset_id, item_id) WHERE i.dataset_id = ? AND user_id = ? ORDER BY position DESC LIMIT ?",
        [dataset_id, user, limit],
    )
    ((n,),) = audit.rows(
        "SELECT count(*) FROM interactions WHERE dataset_id = ? AND user_id = ?", [dataset_id, user]
    )
    return frame, int(n)


def item_facts(audit: Audit, model: Model, item: int) -> tuple[str, list[tuple[str, Any]]]:
    """Title of an item, and what is known of it, in words."""
    ((title, raw, year, train),) = audit.rows(
        "SELECT title, raw_id, year, train_count FROM items WHERE dataset_id = ? AND item_id = ?",
        [model.dataset_id, item],
    )
    ((rated, mean),) = audit.rows(
        "SELECT count(rating), avg(rating) FROM interactions WHERE dataset_id = ? AND item_id = ?",
        [model.dataset_id, item],
    )
    ((listed, first, lists),) = audit.rows(
        "SELECT count(*) FILTER (item_id = $item), count(*) FILTER (item_id = $item AND rank = 1), count(DISTINCT case_id) "
        "FROM recommendations WHERE model_id = $model AND sae_id IS NULL AND protocol = $protocol AND rank <= 10",
        {"item": item, "model": model.model_id, "protocol": model.protocol},  # type: ignore[arg-type]
    )
    found: list[tuple[str, Any]] = [("year", str(year))] if year else []
    found.append(("popularity", f"{train:,} interactions in training"))
    if rated:
        found.append(("ratings", f"{rated:,}, {mean:.2f} on average"))
    if lists:
        found.append(("recommended", f"in {listed:,} of {lists:,} lists of ten; first in {first:,}"))
    return str(title or raw), found


def concepts_of_item(audit: Audit, dataset_id: int, item: int) -> list[tuple[str, str, int]]:
    """Kind, name and number of items of every concept an item has."""
    rows = audit.rows(
        "SELECT DISTINCT kind, name, n_items FROM item_concepts JOIN concepts USING (dataset_id, concept_id) "
        "WHERE dataset_id = ? AND item_id = ? ORDER BY kind, name",
        [dataset_id, item],
    )
    return [(str(kind), str(name), int(n)) for kind, name, n in rows]


def codes_of_item(audit: Audit, sae: Sae, item: int) -> pd.DataFrame:
    """Latents that fire on an item itself: ``latent, value, density``, strongest first."""
    return audit.frame(
        "SELECT latent, value, density FROM activations JOIN latents USING (sae_id, latent, entity_kind) "
        "WHERE sae_id = ? AND entity_kind = 'item' AND entity_id = ? ORDER BY value DESC, latent",
        [sae.sae_id, item],
    )


def exposure_by_popularity(audit: Audit, model: Model) -> list[tuple[int, int]]:
    """Training count and places in lists of ten of every item the model can recommend, least popular first."""
    rows = audit.rows(
        "SELECT train_count, count(r.item_id) FROM model_items m JOIN items i ON i.dataset_id = $dataset AND i.item_id = m.item_id "
        "LEFT JOIN recommendations r ON r.model_id = m.model_id AND r.item_id = m.item_id AND r.sae_id IS NULL "
        "AND r.protocol = $protocol AND rank <= 10 WHERE m.model_id = $model GROUP BY m.item_id, train_count "
        "ORDER BY train_count, m.item_id",
        {"dataset": model.dataset_id, "protocol": model.protocol, "model": model.model_id},  # type: ignore[arg-type]
    )
    return [(int(count), int(places)) for count, places in rows]


def tables(audit: Audit) -> list[tuple[str, int]]:
    """Every table of the file with its rows, as DuckDB estimates them."""
    rows = audit.rows("SELECT table_name, estimated_size FROM duckdb_tables() ORDER BY table_name")
    return [(str(name), int(n)) for name, n in rows]
