"""Names of latents, their trials, changes by hand, ratings, and the answers of language models."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.read import Model, Sae

BY_HAND = "person"
"""Labeller and protocol of a name that a person gave."""


@dataclass(frozen=True)
class Answer:
    """A row of ``answers`` without its time."""

    digest: str
    llm: str
    llm_digest: str
    template: str
    prompt: str
    options: str
    answer: str
    done_reason: str


@dataclass(frozen=True)
class Change:
    """A change of a name by hand. ``text`` None takes the name back."""

    latent: int
    text: str | None
    before: str | None
    author: str
    source: str


@dataclass(frozen=True)
class Rating:
    """One person's rating of one name."""

    sae_id: int
    latent: int
    labeller: str
    protocol: str
    text: str
    rater: str
    rating: int


def answers(audit: Audit, llm_digest: str) -> dict[str, Answer]:
    """Every stored answer of a language model, by digest of the question."""
    names = [field.name for field in fields(Answer)]
    rows = audit.rows(f"SELECT {', '.join(names)} FROM answers WHERE llm_digest = ?", [llm_digest])
    return {row[0]: Answer(*row) for row in rows}


def last_digest(audit: Audit, llm: str) -> str | None:
    """Digest of the weights that answered last under this name, or None if none ever did."""
    rows = audit.rows("SELECT llm_digest FROM answers WHERE llm = ? ORDER BY asked DESC LIMIT 1", [llm])
    return str(rows[0][0]) if rows else None


def add_answers(audit: Audit, found: Iterable[Answer]) -> None:
    """Store answers; one that is there already stays."""
    now = _now()
    for answer in found:
        audit.connection.execute(
            "INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [*astuple(answer), now]
        )


def replace_labels(
    audit: Audit,
    model: Model,
    sae: Sae,
    labeller: str,
    protocol: str,
    labels: pd.DataFrame,
    trials: pd.DataFrame,
    run_id: str,
    *,
    only: Sequence[int] | None = None,
) -> None:
    """Store names and trials of one labeller under a protocol, replacing its earlier ones.

    Args:
        only: latents to replace; None for all.
    """
    key = {"model_id": model.model_id, "sae_id": sae.sae_id, "labeller": labeller, "protocol": protocol}
    for table, frame in (("labels", labels), ("label_trials", trials)):
        audit.connection.execute(
            f"DELETE FROM {table} WHERE sae_id = ? AND labeller = ? AND protocol = ? "
            "AND (? IS NULL OR list_contains(?, latent))",
            [sae.sae_id, labeller, protocol, only, only],
        )
        if len(frame):
            audit.append(table, frame.assign(**key, run_id=run_id))


def forget_metrics(audit: Audit, sae: Sae, labeller: str, protocol: str) -> None:
    """Delete the numbers of one labeller's names under a protocol."""
    audit.connection.execute(
        "DELETE FROM metrics WHERE sae_id = ? AND metric LIKE 'labels.%' AND protocol = ? "
        "AND json_extract_string(slice, '$.labeller') = ?",
        [sae.sae_id, protocol, labeller],
    )


def figures(audit: Audit, sae: Sae, labeller: str, protocol: str) -> pd.DataFrame:
    """The numbers of one labeller's names: ``metric, slice, value, low, high, n``."""
    return audit.frame(
        "SELECT metric, slice, value, low, high, n FROM metrics WHERE sae_id = ? AND metric LIKE 'labels.%' "
        "AND protocol = 'labels ' || ? AND json_extract_string(slice, '$.labeller') = ? ORDER BY metric, slice",
        [sae.sae_id, protocol, labeller],
    )


def labellers(audit: Audit, sae: Sae) -> list[tuple[str, str]]:
    """(labeller, protocol) of every set of names stored for a dictionary, people's left out."""
    rows = audit.rows(
        "SELECT labeller, protocol FROM labels WHERE sae_id = ? AND labeller <> ? "
        "GROUP BY labeller, protocol ORDER BY protocol <> 'default', labeller <> 'statistics', labeller",
        [sae.sae_id, BY_HAND],
    )
    return [(str(labeller), str(protocol)) for labeller, protocol in rows]


def names(audit: Audit, sae: Sae, labeller: str, protocol: str) -> pd.DataFrame:
    """Every latent that was looked at, most confident first, with the name to show for it.

    ``name`` is a person's where there is one, else the labeller's if it is verified, else NULL; ``candidate`` is
    what the labeller proposed.
    """
    return audit.frame(
        "SELECT l.latent, CASE WHEN h.text IS NOT NULL THEN h.text WHEN l.status = 'verified' THEN l.text END AS name, "
        "CASE WHEN h.text IS NOT NULL THEN 'by hand' ELSE l.status END AS status, l.text AS candidate, h.author, "
        "l.confidence, l.low, l.high, l.recall, l.specificity, l.specificity_hard, l.contrast, l.shuffled, "
        "l.popularity, l.q, l.n_owners, l.n_verify + l.n_random AS trials "
        "FROM labels l LEFT JOIN labels h ON h.sae_id = l.sae_id AND h.latent = l.latent AND h.labeller = $hand "
        "WHERE l.sae_id = $sae AND l.labeller = $labeller AND l.protocol = $protocol "
        "ORDER BY name IS NULL, l.text IS NULL, l.confidence DESC NULLS LAST, l.q, l.latent",
        {"sae": sae.sae_id, "labeller": labeller, "protocol": protocol, "hand": BY_HAND},  # type: ignore[arg-type]
    )


def by_hand(audit: Audit, sae: Sae) -> dict[int, tuple[str, str]]:
    """Latent to its name by hand and author."""
    rows = audit.rows(
        "SELECT latent, text, author FROM labels WHERE sae_id = ? AND labeller = ? ORDER BY latent",
        [sae.sae_id, BY_HAND],
    )
    return {int(latent): (str(text), str(author)) for latent, text, author in rows}


def change_names(audit: Audit, model: Model, sae: Sae, changes: Iterable[Change], run_id: str) -> None:
    """Set or take back names by hand, and keep the history."""
    now = _now()
    for change in changes:
        audit.connection.execute(
            "DELETE FROM labels WHERE sae_id = ? AND latent = ? AND labeller = ?",
            [sae.sae_id, change.latent, BY_HAND],
        )
        if change.text is not None:
            audit.connection.execute(
                "INSERT INTO labels (model_id, sae_id, latent, labeller, protocol, text, status, evidence, author, "
                "run_id) VALUES (?, ?, ?, ?, ?, ?, 'by hand', '{}', ?, ?)",
                [
                    *(model.model_id, sae.sae_id, change.latent, BY_HAND, BY_HAND),
                    *(change.text, change.author, run_id),
                ],
            )
        audit.connection.execute(
            "INSERT INTO label_history VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(model.model_id, sae.sae_id, change.latent, change.text, change.before),
                *(change.author, change.source, now),
            ],
        )


def history(audit: Audit, sae: Sae, latent: int | None = None) -> pd.DataFrame:
    """Changes by hand, oldest first."""
    return audit.frame(
        "SELECT latent, text, before, author, source, changed FROM label_history WHERE sae_id = ? "
        "AND latent = coalesce(?, latent) ORDER BY changed, rowid",
        [sae.sae_id, latent],
    )


def trials(audit: Audit, model: Model, sae: Sae, latent: int, labeller: str, protocol: str) -> pd.DataFrame:
    """Entities that made a latent's name and those it was tried on, strongest first in each role."""
    return audit.frame(
        "SELECT role, coalesce(u.raw_id, i.raw_id) AS entity, coalesce(i.title, i.raw_id) AS item, value, level, decile, "
        "predicted FROM label_trials t JOIN items i ON i.dataset_id = $dataset AND i.item_id = t.item_id "
        "LEFT JOIN cases c ON c.model_id = t.model_id AND c.case_id = entity_id AND entity_kind = 'case' "
        "LEFT JOIN users u ON u.dataset_id = $dataset AND u.user_id = c.user_id WHERE sae_id = $sae "
        "AND latent = $latent AND labeller = $labeller AND protocol = $protocol "
        f"ORDER BY {_ROLE_ORDER}, value DESC, entity_id",
        {  # type: ignore[arg-type]
            "dataset": model.dataset_id,
            "sae": sae.sae_id,
            "latent": latent,
            "labeller": labeller,
            "protocol": protocol,
        },
    )


_ROLE_ORDER = "list_position(['construct', 'verify', 'random', 'hard'], role)"


def texts(audit: Audit, sae: Sae) -> pd.DataFrame:
    """Every proposed name of every labeller: ``latent, labeller, protocol, text, status, confidence``."""
    return audit.frame(
        "SELECT latent, labeller, protocol, text, status, confidence FROM labels WHERE sae_id = ? "
        "AND text IS NOT NULL ORDER BY latent, labeller, protocol",
        [sae.sae_id],
    )


def strong_titles(audit: Audit, model: Model, sae: Sae) -> dict[tuple[int, str, str], list[str]]:
    """(latent, labeller, protocol) to the items of the strong entities its name was tried on, strongest first."""
    rows = audit.rows(
        "SELECT latent, labeller, protocol, coalesce(title, raw_id) AS shown FROM label_trials t "
        "JOIN items i ON i.dataset_id = ? AND i.item_id = t.item_id WHERE sae_id = ? AND role = 'verify' "
        "GROUP BY ALL ORDER BY latent, labeller, protocol, max(value) DESC, shown",
        [model.dataset_id, sae.sae_id],
    )
    found: dict[tuple[int, str, str], list[str]] = {}
    for latent, labeller, protocol, title in rows:
        found.setdefault((int(latent), str(labeller), str(protocol)), []).append(str(title))
    return found


def add_ratings(audit: Audit, model: Model, ratings: Iterable[Rating]) -> None:
    """Store ratings; a rater's earlier one of the same name goes."""
    now = _now()
    for rating in ratings:
        key = [rating.sae_id, rating.latent, rating.labeller, rating.protocol, rating.text, rating.rater]
        audit.connection.execute(
            "DELETE FROM label_ratings WHERE sae_id = ? AND latent = ? AND labeller = ? AND protocol = ? AND text = ? "
            "AND rater = ?",
            key,
        )
        audit.connection.execute(
            "INSERT INTO label_ratings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [model.model_id, *key, rating.rating, now],
        )


def ratings(audit: Audit, sae: Sae) -> pd.DataFrame:
    """Ratings of a dictionary's names: ``labeller, protocol, latent, text, rater, rating``."""
    return audit.frame(
        "SELECT labeller, protocol, latent, text, rater, rating FROM label_ratings WHERE sae_id = ? ORDER BY ALL",
        [sae.sae_id],
    )


def firing(audit: Audit, sae: Sae, latents: Sequence[int]) -> pd.DataFrame:
    """(latent, entity) pairs of some latents: newest cases, or items where the dictionary encodes any."""
    kind = "item" if "item" in sae.entity_kinds else "case"
    newest = (
        ""
        if kind == "item"
        else "AND entity_id IN (SELECT case_id FROM cases JOIN saes USING (model_id) WHERE sae_id = $sae "
        "AND kind IN ('user', 'latest'))"
    )
    return audit.frame(
        "SELECT latent, entity_id FROM activations WHERE sae_id = $sae AND entity_kind = $kind "
        f"AND list_contains($latents, latent) {newest} ORDER BY latent, entity_id",
        {"sae": sae.sae_id, "kind": kind, "latents": list(latents)},  # type: ignore[arg-type]
    )


def as_json(value: Mapping[str, Any]) -> str:
    """An ``evidence`` cell."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
