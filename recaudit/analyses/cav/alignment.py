"""Does the model's sensitivity to a concept go with how users rate it?

A recommender trained on who consumed what may know that somebody watches comedies without knowing whether
they like them. Beside the correlation with ratings stands the positive control: the share of the concept
in the user's history, which the model was trained on. Where that correlation is missing, a missing one
with ratings says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.metrics.correlation import Correlation, Pair, correlations, smallest_detectable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LEAST_RATINGS = 5
"""Ratings inside and outside the concept that a user needs."""
LEAST_USERS = 30
EQUIVALENT = 0.1
"""A correlation whose interval lies within ± this is called no relation."""
RATINGS_OF = {
    "held-out": "ratings of items outside the user's training history",
    "all": "all ratings, those of the training history among them",
}


@dataclass(frozen=True)
class Question:
    """What is correlated with what.

    Attributes:
        sensitivity: ``raw`` or ``cosine``.
        rating: ``mean`` (in the concept), ``centred`` (in the concept minus outside), or ``share`` (of the
            concept in the training history).
        adjusted: given log activity and the mean popularity of the history.
        ranks: Spearman instead of Pearson.
    """

    sensitivity: str
    rating: str
    adjusted: bool
    ranks: bool


QUESTIONS = (
    *(
        Question(sensitivity, rating, adjusted=False, ranks=ranks)
        for sensitivity in ("raw", "cosine")
        for rating in ("mean", "centred", "share")
        for ranks in (False, True)
    ),
    *(
        Question("raw", rating, adjusted=True, ranks=ranks)
        for rating in ("mean", "centred", "share")
        for ranks in (False, True)
    ),
)


@dataclass(frozen=True)
class UserRatings:
    """How users rated a concept, one row a user with enough ratings inside and outside of it."""

    user: IntArray
    inside: FloatArray
    """Mean rating of items of the concept."""
    outside: FloatArray
    n_inside: IntArray
    n_outside: IntArray


@dataclass(frozen=True)
class Profiles:
    """Training histories, [users] by dense user id; a user without one has activity 0."""

    activity: IntArray
    popularity: FloatArray
    """Mean of log(1 + training count) over the history."""


@dataclass(frozen=True)
class Answer:
    """One correlation of one concept."""

    question: Question
    found: Correlation
    smallest: float
    """Correlation that this many users show with 80 % power."""


def rated(user: IntArray, in_concept: NDArray[np.bool_], rating: FloatArray, n_users: int) -> UserRatings:
    """Mean ratings inside and outside a concept of users with ``LEAST_RATINGS`` of both.

    Args:
        user, in_concept, rating: [ratings].
    """
    counts, means = [], []
    for side in (in_concept, ~in_concept):
        n = np.bincount(user[side], minlength=n_users)
        total = np.bincount(user[side], weights=rating[side], minlength=n_users)
        counts.append(n)
        means.append(total / np.maximum(n, 1))
    enough = np.flatnonzero((counts[0] >= LEAST_RATINGS) & (counts[1] >= LEAST_RATINGS))
    return UserRatings(enough, means[0][enough], means[1][enough], counts[0][enough], counts[1][enough])


def answered(
    sensitivity: dict[str, FloatArray],
    ratings: UserRatings,
    share: FloatArray,
    profiles: Profiles,
    *,
    draws: int,
    seed: int,
) -> list[Answer]:
    """Every question about one concept, over the users who have a sensitivity, ratings and a history.

    Args:
        sensitivity: ``raw`` and ``cosine`` by dense user id, NaN where the user is no case.
        share: [users] of the concept in the training history.
    """
    users = ratings.user
    known = ~np.isnan(sensitivity["raw"][users]) & (profiles.activity[users] > 0)
    users = users[known]
    if len(users) < LEAST_USERS:
        return []
    columns = np.column_stack(
        [
            sensitivity["raw"][users],
            sensitivity["cosine"][users],
            ratings.inside[known],
            (ratings.inside - ratings.outside)[known],
            share[users],
            np.log(profiles.activity[users]),
            profiles.popularity[users],
        ]
    )
    found = []
    for ranks in (False, True):
        asked = [question for question in QUESTIONS if question.ranks is ranks]
        said = correlations(
            columns, [_pair(question) for question in asked], ranks=ranks, draws=draws, seed=seed
        )
        found += [
            Answer(question, one, smallest_detectable(one.n))
            for question, one in zip(asked, said, strict=True)
        ]
    return found


_COLUMNS = ("raw", "cosine", "mean", "centred", "share", "activity", "popularity")


def _pair(question: Question) -> Pair:
    given = ("activity", "popularity") if question.adjusted else ()
    x, y, *others = (_COLUMNS.index(name) for name in (question.sensitivity, question.rating, *given))
    return Pair(x, y, tuple(others))


def statement(low: float, high: float, control_low: float) -> str:
    """What an interval of a correlation with ratings allows to say, in words for a column of that name.

    ``control_low`` is the lower end of the positive control's interval: without a control clearly above 0 a
    missing relation says nothing.
    """
    if np.isnan(low) or np.isnan(high):
        return "too few users"
    within = low >= -EQUIVALENT and high <= EQUIVALENT
    if low > 0:
        return "negligible" if within else "goes with"
    if high < 0:
        return "negligible" if within else "goes against"
    if not control_low > 0:
        return "control fails"
    return "no relation" if within else "undecided"
