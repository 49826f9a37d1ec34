"""Who can have a concept, and how a latent scores them.

A latent of user vectors fires on cases; genres and tags belong to items. Three bridges, each a rule of its
own in every table, since they answer different questions:

- an attribution rule (``recommended10`` by default): an item's score is the mean of the latent's value over
  *all* cases the item goes with, zeros included: E[code | the item is recommended]. Sums would rank items by
  popularity, and means over firing cases alone would forget how rarely the latent fires. A mean of few cases
  is mostly noise, so it is shrunk towards the latent's overall mean by Bühlmann and Straub's credibility:
  (Σ z + κ μ) / (n + κ), κ = variance within items / variance between them, per latent. A latent that does
  not differ between items more than between cases of one item gets no item-level signal at all. Popularity
  is still in the order: of items whose cases a latent never fires on, those with many cases sink further
  below the mean. Random directions of the same firing rates share that, and pairs within a popularity tenth
  are free of most of it. Items that no case goes with have no score and take no part.
- ``direct``: decoder row · item vector, what the latent adds to the item's score. No cases, the whole
  catalogue, causal; for heads that score by an inner product.
- ``item``: the code of the item itself, where the dictionary encodes items.

``case`` scores users: the code of their newest case, for concepts that are groups of users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from recaudit.analyses.attribution import DEFAULT_RULE
from recaudit.metrics.selection import MatrixScores, Scores
from recaudit.store import Audit, concepts, read
from recaudit.store.read import Model, Sae

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STRATA = 10


@dataclass(frozen=True)
class Entities:
    """Items or users, and the concepts they have."""

    kind: str
    """``item`` or ``case``."""
    ids: IntArray
    """Dense item, or case id, ascending."""
    labels: csr_array
    """[entities, concepts], binary."""
    concepts: pd.DataFrame
    """``concept_id`` (None for groups of users), ``kind``, ``name``, in the columns' order."""
    interactions: IntArray
    """[entities] an item's training interactions, or the length of a user's history."""

    @property
    def strata(self) -> IntArray:
        """[entities] tenth of popularity (of activity for users), 0 = least."""
        return tenths(self.interactions)

    def only(self, inside: NDArray[np.bool_]) -> Entities:
        """Some of the entities."""
        return Entities(
            self.kind, self.ids[inside], self.labels[inside], self.concepts, self.interactions[inside]
        )


@dataclass(frozen=True)
class AttributedScores:
    """Scores of items from the codes of the cases they go with, shrunk as the module says."""

    pairs: csr_array
    """[items, cases] 1 where the case stands for the item; no empty row."""
    codes: csc_array
    """[cases, latents]."""

    @property
    def shape(self) -> tuple[int, int]:
        return self.pairs.shape[0], self.codes.shape[1]

    def columns(self, which: IntArray) -> FloatArray:
        codes = self.codes[:, which]
        sums = (self.pairs @ codes).toarray().astype(np.float64)
        n = np.asarray(self.pairs.sum(axis=1), dtype=np.float64)
        per_case = np.asarray(self.pairs.sum(axis=0), dtype=np.float64)
        return credible_means(sums, (codes.multiply(codes)).T @ per_case, n)


def credible_means(sums: FloatArray, squares: FloatArray, n: FloatArray) -> FloatArray:
    """Means of groups, shrunk towards the overall mean (Bühlmann and Straub 1970): [groups, columns].

    Args:
        sums: [groups, columns] Σ of values in each group.
        squares: [columns] Σ of squared values over all groups.
        n: [groups] values in each group, at least 1.
    """
    total, groups = n.sum(), len(n)
    overall = sums.sum(axis=0) / total
    means = sums / n[:, None]
    within = (squares - (sums * means).sum(axis=0)) / max(total - groups, 1)
    between = (n @ (means - overall) ** 2 - (groups - 1) * within) / max(total - (n**2).sum() / total, 1e-12)
    # No value differs from others of its group: nothing to shrink for.
    exact = within <= 1e-12 * np.maximum(squares / total, 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        prior = np.where(exact, 0.0, within / between)
        shrunk = (sums + prior * overall) / (n[:, None] + prior)
    return np.where(exact | (between > 0), shrunk, overall)


def default_rule(sae: Sae) -> str:
    """The rule whose figures come first."""
    return "item" if "item" in sae.entity_kinds else DEFAULT_RULE


def rules_for(audit: Audit, model: Model, sae: Sae) -> list[str]:
    """Rules under which a dictionary's item concepts are looked at, the default first."""
    rules = [default_rule(sae)]
    if "case" in sae.entity_kinds and model.head == "dot" and sae.dim == model.dim:
        rules.append("direct")
    return rules


def items(audit: Audit, model: Model, catalogue: read.Catalogue) -> Entities:
    """The model's candidates with their concepts."""
    ids = catalogue.item_id
    frame, item, concept = concepts.item_concepts(audit, model.dataset_id)
    column = _positions(frame["concept_id"].to_numpy(np.int64), concept)
    row = catalogue.column_of(read.count(audit, "items", model.dataset_id))[item]
    known = row >= 0
    popularity = read.train_counts(audit, model.dataset_id)[ids]
    return Entities("item", ids, _binary(row[known], column[known], len(ids), len(frame)), frame, popularity)


def users(audit: Audit, model: Model) -> Entities:
    """The newest case of every user with the groups the user is in."""
    cases = concepts.newest_cases(audit, model)
    pairs = concepts.user_groups(audit, model.dataset_id)
    pairs = pairs.merge(cases[["case_id", "user_id"]], on="user_id")
    frame = pairs[["kind", "name"]].drop_duplicates().sort_values(["kind", "name"], ignore_index=True)
    column = pairs.merge(frame.reset_index(), on=["kind", "name"], how="left")["index"].to_numpy(np.int64)
    ids = cases["case_id"].to_numpy(np.int64)
    row = np.searchsorted(ids, pairs["case_id"].to_numpy(np.int64))
    frame.insert(0, "concept_id", None)
    activity = cases["history_end"].to_numpy(np.int64)
    return Entities("case", ids, _binary(row, column, len(ids), len(frame)), frame, activity)


def codes(audit: Audit, sae: Sae, entity_kind: str, ids: IntArray) -> csc_array:
    """Stored codes of some entities: [entities, latents]."""
    entity, latent, value = read.activations(audit, sae.sae_id, entity_kind)
    row = _positions(ids, entity)
    known = row >= 0
    return csc_array(
        (value[known].astype(np.float64), (row[known], latent[known])), shape=(len(ids), sae.n_latents)
    )


def attribution(
    audit: Audit, model: Model, rule: str, entities: Entities
) -> tuple[Entities, IntArray, csr_array]:
    """Items that any case goes with, those cases, and the pairs [items, cases]."""
    case, item = concepts.attributed_pairs(audit, model, rule)
    row = _positions(entities.ids, item)
    case, row = case[row >= 0], row[row >= 0]
    case_ids, column = np.unique(case, return_inverse=True)
    inside = np.bincount(row, minlength=len(entities.ids)) > 0
    pairs = _binary(row, column, len(entities.ids), len(case_ids))
    return entities.only(inside), case_ids, pairs[inside]


def direct_scores(decoder: NDArray[np.floating], catalogue: read.Catalogue) -> Scores:
    """What one unit of each latent adds to each item's score: [items, latents]."""
    return MatrixScores(catalogue.vectors @ decoder.T)


def tenths(count: NDArray[np.integer]) -> IntArray:
    """Tenth of each entity by count, equal counts in the same one: 0..9 [entities]."""
    if not len(count):
        return np.empty(0, np.int64)
    ordered = np.sort(count)
    middle = (np.searchsorted(ordered, count, "left") + np.searchsorted(ordered, count, "right") - 1) / 2
    return np.minimum(middle * STRATA / len(count), STRATA - 1).astype(np.int64)


def _positions(ids: IntArray, wanted: IntArray) -> IntArray:
    """Place of each wanted id among the ascending ids, -1 where there is none."""
    if not len(ids):
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[place] == wanted, place, -1)


def _binary(row: IntArray, column: IntArray, n_rows: int, n_columns: int) -> csr_array:
    found = csr_array((np.ones(len(row)), (row, column)), shape=(n_rows, n_columns))
    found.sum_duplicates()
    return found
