"""Item embeddings that know nothing of the recommender: from metadata by default, from a text encoder by choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.errors import EnvironmentProblem
from recaudit.text import printable

FloatArray = NDArray[np.float64]

WIDTH = 64
ABOUT_CONTENT = ("genre", "tag", "category", "decade")
"""Kinds of concept that say what an item is; popularity says how it fared."""

TextEncoder = Callable[[Sequence[str]], NDArray[np.floating]]
"""Texts to vectors [n, d]: ``SentenceTransformer(...).encode`` is one."""


def from_metadata(
    labels: csr_array, concepts: pd.DataFrame, titles: Sequence[str | None], *, seed: int, width: int = WIDTH
) -> FloatArray | None:
    """Latent semantic analysis of each item's genres, tags, decade and title words (scikit-learn's).

    TF-IDF weighs a token by its rarity, truncated SVD brings the table to ``width`` columns.

    Args:
        labels: [items, concepts].
        concepts: ``kind`` and ``name`` of each column.
        titles: of the same items.

    Returns:
        [items, width], narrower for few tokens; None where fewer than three tokens occur twice.
    """
    from sklearn.decomposition import TruncatedSVD  # a second that reports of stored audits need not wait for
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = _tokens(labels, concepts, titles)
    frequent = pd.Series([token for tokens in documents for token in set(tokens)]).value_counts()
    vocabulary = sorted(frequent.index[frequent >= 2])
    if len(vocabulary) < 3:
        return None
    table = TfidfVectorizer(
        analyzer=lambda tokens: tokens, lowercase=False, vocabulary=vocabulary
    ).fit_transform(documents)
    svd = TruncatedSVD(min(width, len(vocabulary) - 1, len(documents) - 1), random_state=seed)
    return np.asarray(svd.fit_transform(table), dtype=np.float64)


def descriptions(labels: csr_array, concepts: pd.DataFrame, titles: Sequence[str | None]) -> list[str]:
    """Text of each item for an encoder: its title, then its genres, tags or categories."""
    kind, name = concepts["kind"].to_numpy(object), concepts["name"].to_numpy(object)
    told = np.isin(kind.astype(str), ABOUT_CONTENT) & (kind != "decade")
    found = []
    for item, title in enumerate(titles):
        own = labels.indices[labels.indptr[item] : labels.indptr[item + 1]]
        parts = [title or "", ", ".join(str(name[c]) for c in own if told[c])]
        found.append(". ".join(part for part in parts if part))
    return found


def sentence_encoder(name: str) -> TextEncoder:
    """A model of sentence-transformers, by its name or folder. Never runs code that comes with a model.

    Raises:
        EnvironmentProblem: sentence-transformers is not installed, or has no such model.
    """
    from importlib import import_module

    try:
        library = import_module("sentence_transformers")
    except ModuleNotFoundError:
        raise EnvironmentProblem(
            "a text encoder needs sentence-transformers, which is not installed",
            fix="install it with `pip install 'recaudit[text]'`, or leave the option out: metadata are used then",
        ) from None
    try:
        encode = library.SentenceTransformer(name, device="cpu", trust_remote_code=False).encode
    except (OSError, ValueError) as error:
        raise EnvironmentProblem(
            f"no text encoder {printable(name)}: {printable(str(error), 160)}",
            fix="name a folder that holds a model of sentence-transformers, or one it can download",
        ) from None
    return lambda texts: np.asarray(encode(list(texts), show_progress_bar=False))


def from_text(texts: Sequence[str], encode: TextEncoder) -> FloatArray:
    """Vectors of items' texts by any encoder, for example one of sentence-transformers: [items, d].

    Raises:
        ValueError: the encoder gives no row per text.
    """
    vectors = np.asarray(encode(texts), dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"the text encoder gave shape {vectors.shape} for {len(texts)} texts")
    return vectors


def _tokens(labels: csr_array, concepts: pd.DataFrame, titles: Sequence[str | None]) -> list[list[str]]:
    kind, name = concepts["kind"].to_numpy(object), concepts["name"].to_numpy(object)
    told = np.isin(kind.astype(str), ABOUT_CONTENT)
    documents = []
    for item, title in enumerate(titles):
        own = labels.indices[labels.indptr[item] : labels.indptr[item + 1]]
        # A word of the title and a genre of that name are two tokens.
        words = re.findall(r"\w+", re.sub(r"\(\d{4}\)\s*$", "", title or "").casefold())
        documents.append([f"{kind[c]}:{name[c]}" for c in own if told[c]] + words)
    return documents
