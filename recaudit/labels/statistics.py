"""The labeller that needs no language model: enriched concepts and title words, and a judge that matches them.

Deterministic and always there, so a CI gate never depends on a service. A concept names a latent when the
construction entities stand out in it more often than the pool does (hypergeometric test, Benjamini-Hochberg
over latents and concepts); words of titles likewise, ranked by class-based TF-IDF with a latent as the class
(Grootendorst 2022, arXiv 2203.05794). The judge knows the name alone: for each term how large its share is in
the construction entities and in the pool. An entity's level is how far it has come from the one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.labels.profiles import Profiles
from recaudit.labels.types import Evidence, IntArray, Label, Task
from recaudit.metrics.enrichment import false_discovery, log_enrichment_p

FloatArray = NDArray[np.float64]

Q = 0.05
CONCEPTS, WORDS = 3, 3
"""Terms in a name, at most."""
SUPPORT = 3
"""Construction entities that a term must stand out in."""


@dataclass(frozen=True)
class StatisticsLabeller:
    """See the module."""

    profiles: Profiles
    name: str = "statistics"

    def describe(self, evidence: Sequence[Evidence]) -> list[Label | None]:
        """A name for each latent whose entities stand out in anything; p-values are over all given latents."""
        log_p, q, tf = self._tested(evidence)
        word = self.profiles.is_word
        weight = _class_tf_idf(tf[:, word])
        found = []
        for row, one in enumerate(evidence):
            concepts = _best(-log_p[row], (q[row] <= Q) & ~word, CONCEPTS)
            strong = np.zeros(len(word))
            strong[word] = weight[row]
            words = _best(strong, (q[row] <= Q) & word, WORDS)
            found.append(self._label(one, concepts, words, q[row]))
        return found

    def predict(self, tasks: Sequence[Task]) -> list[IntArray]:
        """ceil(10 x how far each entity's shares have come from the pool's mean to the latent's own)."""
        place = {term: column for column, term in enumerate(self.profiles.terms)}
        return [self._levels(task, place) for task in tasks]

    def _levels(self, task: Task, place: dict[tuple[str, str], int]) -> IntArray:
        total, weights = np.zeros(len(task.entities)), 0.0
        for term in task.label.evidence.get("terms", ()):
            column = place.get((term["kind"], term["name"]))
            if column is None or term["share"] <= term["base"]:
                continue
            own = self._column(column)[task.entities]
            come = (own - term["base"]) / (term["share"] - term["base"])
            # Diagonal linear discriminant: a term counts by its squared distance in standard deviations.
            weight = ((term["share"] - term["base"]) / term["spread"]) ** 2
            total += weight * come
            weights += weight
        come = total / weights if weights else total
        return np.ceil(10 * np.clip(come, 0, 1) - 1e-9).astype(np.int64)

    def _column(self, term: int) -> FloatArray:
        shares = self.profiles.shares
        column = np.zeros(shares.shape[0])
        part = slice(shares.indptr[term], shares.indptr[term + 1])
        column[shares.indices[part]] = shares.data[part]
        return column

    def _tested(self, evidence: Sequence[Evidence]) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Log p, q and how many construction entities stand out: each [latents, terms]."""
        marks = self.profiles.marks
        n = marks.shape[0]
        lengths = np.array([len(one.construct) for one in evidence], np.int64)
        members = (
            np.concatenate([one.construct for one in evidence]) if len(evidence) else np.empty(0, np.int64)
        )
        rows = np.repeat(np.arange(len(evidence)), lengths)
        drawn = csr_array((np.ones(len(members)), (rows, members)), shape=(len(evidence), n))
        both = np.asarray((drawn @ marks).todense(), dtype=np.int64)
        total = np.diff(marks.indptr).astype(np.int64)
        log_p = np.zeros(both.shape)
        # Under the support a term is no candidate; it stays a test, at p = 1.
        row, column = np.nonzero(both >= SUPPORT)
        log_p[row, column] = log_enrichment_p(both[row, column], lengths[row], total[column], n)
        q = np.ones(both.shape)
        word = self.profiles.is_word
        for family in (word, ~word):
            if family.any() and len(evidence):
                q[:, family] = false_discovery(np.exp(log_p[:, family]))
        return log_p, q, both.astype(np.float64)

    def _label(self, evidence: Evidence, concepts: IntArray, words: IntArray, q: FloatArray) -> Label | None:
        chosen = [int(term) for term in (*concepts, *words)]
        if not chosen:
            return None
        terms = [self._term(evidence, term, float(q[term])) for term in chosen]
        names = [_said(*self.profiles.terms[int(term)]) for term in concepts]
        if len(words):
            names.append(f"titles with {', '.join(self.profiles.terms[int(word)][1] for word in words)}")
        said = frozenset("\0".join(self.profiles.terms[term]) for term in chosen)
        return Label("; ".join(names), {"terms": terms}, said)

    def _term(self, evidence: Evidence, term: int, q: float) -> dict[str, str | float]:
        kind, name = self.profiles.terms[term]
        column = self._column(term)
        return {
            "kind": kind,
            "name": name,
            "share": float(column[evidence.construct].mean()),
            "base": float(column.mean()),
            "spread": float(column.std()),
            "q": q,
        }


def _said(kind: str, name: str) -> str:
    return f"popularity {name}" if kind == "popularity" else name


def _best(score: FloatArray, allowed: NDArray[np.bool_], limit: int) -> IntArray:
    """Places of the highest scores that are allowed; ties go to the lower place."""
    places = np.flatnonzero(allowed)
    return places[np.argsort(-score[places], kind="stable")[:limit]]


def _class_tf_idf(counts: FloatArray) -> FloatArray:
    """tf x log(1 + mean class size / frequency over all classes): [latents, words]."""
    frequency = counts.sum(axis=0)
    mean_size = counts.sum() / max(len(counts), 1)
    with np.errstate(divide="ignore"):
        rarity = np.log1p(np.where(frequency > 0, mean_size / np.maximum(frequency, 1), 0.0))
    return counts * rarity
