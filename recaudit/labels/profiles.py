"""In which terms does an entity stand out? Concepts of its items and words of their titles, as shares."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, hstack

from recaudit.labels.material import Items, Material

FloatArray = NDArray[np.float64]

FOCUS_WEIGHT = 0.3
"""Of the recommended item in a case's shares; the history has the rest."""

STANDS_OUT = 0.8
"""An entity stands out in a term when its share is above that of this part of all entities."""

WORD = "word"
"""Kind of a term that is a word of titles."""

_WORDS = 5000
_WORD_ITEMS = 3
_YEAR = re.compile(r"\((\d{4})\)\s*$")


@dataclass(frozen=True)
class Profiles:
    """Entities by terms; a term is (kind, name)."""

    terms: list[tuple[str, str]]
    shares: csc_array
    """[entities, terms] 0..1: weighted share of the entity's items that have the term."""
    marks: csc_array
    """[entities, terms] binary: the entity stands out in the term."""
    means: FloatArray
    """[terms] mean share."""

    @property
    def is_word(self) -> NDArray[np.bool_]:
        """[terms]"""
        return np.array([kind == WORD for kind, _ in self.terms], bool)


def profiles(material: Material) -> Profiles:
    """Shares and marks of every entity."""
    words, has_word = title_words(material.items)
    has = csr_array(hstack([material.items.has, has_word], format="csr"))
    shares = csc_array(_weights(material) @ has)
    shares.sort_indices()
    means = np.asarray(shares.mean(axis=0), dtype=np.float64).ravel()
    terms = [*material.items.concepts, *((WORD, word) for word in words)]
    return Profiles(terms, shares, _marks(shares), means)


def _weights(material: Material) -> csr_array:
    """[entities, items] how much each shown item counts in its entity; rows sum to 1."""
    n, n_items = len(material), len(material.items.titles)
    lengths = np.diff(material.history_start)
    rows = np.repeat(np.arange(n), lengths)
    of_history = np.where(lengths > 0, (1 - FOCUS_WEIGHT) / np.maximum(lengths, 1), 0.0)
    of_focus = np.where(lengths > 0, FOCUS_WEIGHT, 1.0)
    values = np.concatenate([of_history[rows], of_focus])
    places = (np.concatenate([rows, np.arange(n)]), np.concatenate([material.history, material.focus]))
    return csr_array((values, places), shape=(n, n_items))


def _marks(shares: csc_array) -> csc_array:
    n, n_terms = shares.shape
    above = np.zeros(n_terms)
    filled = np.diff(shares.indptr)
    # A term that fewer than a fifth of the entities have at all has its bound at 0.
    for term in np.flatnonzero(filled > (1 - STANDS_OUT) * n):
        column = np.zeros(n)
        column[: filled[term]] = shares.data[shares.indptr[term] : shares.indptr[term + 1]]
        above[term] = np.quantile(column, STANDS_OUT)
    out = shares.data > above[np.repeat(np.arange(n_terms), filled)] + 1e-12
    # Copies: dropping the zeros moves indices in place.
    places = shares.indices.copy(), shares.indptr.copy()
    marks = csc_array((out.astype(np.float64), *places), shape=shares.shape)
    marks.eliminate_zeros()
    return marks


def title_words(items: Items) -> tuple[list[str], csr_array]:
    """Words of titles, English function words left out, and which item has which: [items, words].

    Words of fewer than three items name nothing but them; of the others the 5,000 most frequent are kept.
    """
    from sklearn.feature_extraction.text import (
        ENGLISH_STOP_WORDS,
    )  # a second that other commands need not wait for

    rows: list[int] = []
    found: list[str] = []
    for item, title in enumerate(items.titles):
        own = sorted(set(re.findall(r"[^\W\d_]{3,}", _YEAR.sub("", title).casefold())) - ENGLISH_STOP_WORDS)
        rows += [item] * len(own)
        found += own
    if not found:
        return [], csr_array((len(items.titles), 0))
    words, column, counts = np.unique(np.array(found), return_inverse=True, return_counts=True)
    kept = np.flatnonzero(counts >= _WORD_ITEMS)
    kept = np.sort(kept[np.argsort(-counts[kept], kind="stable")[:_WORDS]])
    table = csr_array((np.ones(len(rows)), (rows, column)), shape=(len(items.titles), len(words)))
    return [str(words[place]) for place in kept], csr_array(table[:, kept])
