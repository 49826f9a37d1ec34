"""A batch of CAVs held against ratings: who rated what, every question, what is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses.cav import alignment, quality, ratings
from recaudit.analyses.cav.alignment import Answer, UserRatings
from recaudit.analyses.cav.batch import Batch, slice_of
from recaudit.analyses.cav.ratings import Ratings
from recaudit.analyses.cav.sensitivity import Sensitivities
from recaudit.store import Audit, read
from recaudit.store import cav as store
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

RATING_DRAWS = 2000


def store_alignment(
    audit: Audit,
    batch: Batch,
    shown: pd.DataFrame,
    found: Sensitivities,
    ratings_path: Path | None,
) -> list[Metric]:
    material, model = batch.material, batch.material.model
    every = (
        ratings.of_audit(audit, model)
        if ratings_path is None
        else ratings.of_file(audit, model, ratings_path)
    )
    if not len(every.rating):
        return []
    n_users = read.count(audit, "users", model.dataset_id)
    n_items = read.count(audit, "items", model.dataset_id)
    profiles, train_user, train_item = ratings.profiles(audit, model, n_users)
    has = store.concepts(audit, model.dataset_id, np.arange(n_items)).has
    held_out = every.held_out()
    sources = {"all": every, "held-out": held_out}
    chosen_by_rating = _chosen_by_rating(every)
    user_frames, rows = [], []
    for number, row in enumerate(shown.itertuples()):
        concept = int(batch.concept[int(row.Index)])
        inside, outside = _sides(has, concept, int(batch.against[int(row.Index)]))
        relative = int(batch.against[int(row.Index)]) >= 0
        watched = _history_items(train_user, inside[train_item], n_users)
        if relative:  # how much more of the one than of the other
            watched = watched - _history_items(train_user, outside[train_item], n_users)
        share = watched / np.maximum(profiles.activity, 1)
        by_user = {
            name: _by_user(values[:, number], material.user, n_users)
            for name, values in (("raw", found.raw), ("cosine", found.cosine))
        }
        answers: dict[str, list[Answer]] = {}
        for source, some in sources.items():
            told = (inside | outside)[some.item]
            rated = alignment.rated(some.user[told], inside[some.item[told]], some.rating[told], n_users)
            if not relative:
                user_frames.append(_rating_frame(rated, int(row.concept_id), source))
            answers[source] = alignment.answered(
                by_user, rated, share, profiles, draws=RATING_DRAWS, seed=batch.settings.seed
            )
        main = "held-out" if answers["held-out"] and not chosen_by_rating else "all"
        for source, said in answers.items():
            rows += [_alignment_row(int(row.cav_id), source, source == main, answer) for answer in said]
    if user_frames:
        store.replace_ratings(audit, model.model_id, user_frames)
    if not rows:
        return []
    frame = pd.DataFrame(rows).dropna(subset=["value"])
    asked = ["ratings", "sensitivity", "rating", "adjusted", "correlation"]
    frame["q"] = frame.groupby(asked)["p"].transform(lambda p: quality.false_discovery(p.to_numpy()))
    store.add(audit, "cav_alignment", model.model_id, frame)
    row_of = {int(cav): int(row) for row, cav in zip(shown.index, shown["cav_id"], strict=True)}
    return _alignment_metrics(frame, batch, row_of)


def _sides(has: BoolArray, concept: int, against: int) -> tuple[BoolArray, BoolArray]:
    """Items inside and outside of a concept; of a relative CAV those that have only the one, only the other."""
    if against < 0:
        return has[:, concept], ~has[:, concept]
    return has[:, concept] & ~has[:, against], has[:, against] & ~has[:, concept]


def _history_items(user: IntArray, counted: BoolArray, n_users: int) -> IntArray:
    return np.bincount(user[counted], minlength=n_users)


def _chosen_by_rating(every: Ratings) -> bool:
    """Whether training took high ratings only: held-out ratings are then the low ones it left."""
    if every.train.all() or not every.train.any():
        return False
    return bool(every.rating[every.train].min() > every.rating[~every.train].min())


def _by_user(values: FloatArray, users: IntArray, n_users: int) -> FloatArray:
    found = np.full(n_users, np.nan)
    found[users] = values
    return found


def _rating_frame(rated: UserRatings, concept_id: int, source: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "concept_id": concept_id,
            "ratings": source,
            "user_id": rated.user,
            "inside": rated.inside,
            "outside": rated.outside,
            "n_inside": rated.n_inside,
            "n_outside": rated.n_outside,
        }
    )


def _alignment_row(cav_id: int, source: str, main: bool, answer: Answer) -> dict[str, object]:
    return {
        "cav_id": cav_id,
        "ratings": source,
        "main": main,
        "sensitivity": answer.question.sensitivity,
        "rating": answer.question.rating,
        "adjusted": answer.question.adjusted,
        "correlation": "spearman" if answer.question.ranks else "pearson",
        "value": answer.found.value,
        "low": answer.found.low,
        "high": answer.found.high,
        "p": answer.found.p,
        "n": answer.found.n,
        "smallest": answer.smallest,
    }


def _alignment_metrics(frame: pd.DataFrame, batch: Batch, row_of: dict[int, int]) -> list[Metric]:
    plain = frame[frame["main"] & (frame["sensitivity"] == "raw") & ~frame["adjusted"]]
    found = []
    for row in plain.itertuples():
        slice_ = {**slice_of(batch, row_of[int(row.cav_id)]), "ratings": str(row.ratings)}
        name = "cav.share_spearman" if row.rating == "share" else f"cav.rating_{row.correlation}"
        if row.rating == "share" and row.correlation == "pearson":
            continue
        if row.rating != "share":
            slice_["centred"] = "yes" if row.rating == "centred" else "no"
        found.append(Metric(name, row.value, int(row.n), row.low, row.high, "users", "none", slice_))
    centred = plain[(plain["rating"] == "centred") & (plain["correlation"] == "spearman")]
    if (batch.against < 0).all() and len(centred):
        aligned = int(((centred["low"] > 0) & (centred["q"] <= batch.settings.level)).sum())
        found.append(Metric("cav.aligned", aligned, len(centred), unit="concepts"))
    return found
