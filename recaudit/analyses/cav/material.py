"""What CAVs of a model are made from, read once from its audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav.gradients import CANDIDATES, depends_on_item, mean_gradients
from recaudit.analyses.cav.labels import popularity_deciles
from recaudit.analyses.cav.settings import Settings
from recaudit.analyses.scoring import head_of
from recaudit.errors import NoVerdictError
from recaudit.models.heads import restricted
from recaudit.store import Audit, read
from recaudit.store import cav as store
from recaudit.store.read import Catalogue, Model
from recaudit.text import printable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Material:
    """Items that CAVs are fitted on, and users they are held against."""

    model: Model
    item_id: IntArray
    """[items] candidates with enough training interactions."""
    vectors: FloatArray
    """[items, dim]"""
    counts: IntArray
    """[items] training interactions."""
    decile: IntArray
    concepts: store.ConceptRows
    user: IntArray
    """[users] dense ids, in order of case id."""
    case_id: IntArray
    """[users] newest case of each."""
    gradients: FloatArray
    """[users, dim]"""
    shared: bool
    """Whether users and items are scored in one space, so that a user's gradient is their vector."""


def load(audit: Audit, model: Model, settings: Settings) -> Material:
    """Read everything.

    Raises:
        NoVerdictError: the model has no item vectors, the data has no concepts, or too few items are learned.
    """
    if model.family == "score_table":
        raise NoVerdictError(
            f"model {printable(model.name)} is a finished score matrix: its items have no vectors to look for "
            "concepts in",
            fix="use a model that scores items by vectors",
        )
    catalogue = read.catalogue(audit, model)
    all_counts = read.train_counts(audit, model.dataset_id)[catalogue.item_id]
    learned = all_counts >= settings.least_interactions
    if learned.sum() < 2 * settings.least_items:
        raise NoVerdictError(
            f"{int(learned.sum()):,} items of model {printable(model.name)} have {settings.least_interactions} "
            "training interactions or more: too few to look for concepts in",
            fix="ingest with the data the model was trained on, or lower --least-interactions",
        )
    item_id, counts = catalogue.item_id[learned], all_counts[learned]
    concepts = store.concepts(audit, model.dataset_id, item_id)
    if not len(concepts.concept_id):
        raise NoVerdictError(
            "the data has no concepts",
            fix="ingest with a table of items that has genres, tags or years (--items FILE)",
        )
    cases = read.cases(audit, model, read.NEWEST_KINDS)
    return Material(
        model,
        item_id,
        catalogue.vectors[learned].astype(np.float64),
        counts,
        popularity_deciles(counts),
        concepts,
        cases.user,
        cases.case_id,
        _gradients(audit, model, catalogue, cases.vectors, cases.user, settings.seed),
        not depends_on_item(head_of(catalogue)),
    )


def _gradients(
    audit: Audit, model: Model, catalogue: Catalogue, x: NDArray[np.float32], users: IntArray, seed: int
) -> FloatArray:
    head = head_of(catalogue)
    if not depends_on_item(head):
        return x.astype(np.float64)
    columns = np.arange(len(catalogue.item_id))
    if len(columns) > CANDIDATES:
        columns = np.sort(np.random.default_rng([seed, 6]).choice(columns, CANDIDATES, replace=False))
    candidates = np.ones((len(users), len(columns)), bool)
    timeline = read.timeline(audit, model.dataset_id)
    row_of = np.full(max(timeline.user.max(initial=-1), users.max(initial=-1)) + 1, -1, dtype=np.int64)
    row_of[users] = np.arange(len(users))
    n_items = read.count(audit, "items", model.dataset_id)
    place_of = np.full(n_items, -1, dtype=np.int64)
    place_of[catalogue.item_id[columns]] = np.arange(len(columns))
    row, place = row_of[timeline.user], place_of[timeline.item]
    known = (row >= 0) & (place >= 0)
    candidates[row[known], place[known]] = False
    return mean_gradients(restricted(head, columns), x, candidates)
