"""Concepts, popularity bands and groups from arrays and frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recaudit.datasets.concepts import build_concepts, decade_of, year_of
from recaudit.datasets.groups import user_attributes, user_groups
from recaudit.datasets.popularity import Band, popularity_bands

counts_of_items = st.lists(st.integers(0, 1000), max_size=50).map(lambda c: np.array(c, dtype=np.int64))


def terms(*rows: tuple[int, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["item", "kind", "name"])


def test_bands_stop_before_the_item_that_crosses() -> None:
    counts = np.array([10, 10, 20, 30, 15, 5, 10, 0])
    assert popularity_bands(counts).tolist() == [-1, 0, 0, 0, 0, -1, 0, -2]
    assert popularity_bands(np.array([50])).tolist() == [Band.MID]
    assert popularity_bands(np.zeros(2, dtype=np.int64)).tolist() == [Band.UNSEEN, Band.UNSEEN]
    exactly = np.array([20, 20, 20, 20, 20])
    assert popularity_bands(exactly).tolist() == [1, -1, 0, 0, 0]


@given(counts_of_items)
def test_bands_hold_at_most_their_share(counts: np.ndarray) -> None:
    bands = popularity_bands(counts)
    for band in (Band.HEAD, Band.TAIL):
        assert counts[bands == band].sum() <= 0.2 * counts.sum()
    if (bands == Band.HEAD).any():
        assert counts[bands == Band.HEAD].min() >= counts[bands != Band.HEAD].max(initial=0)


def test_years_come_from_the_column_or_the_title() -> None:
    titles = pd.Series(["Alien (1979)", "Heat", "Blur (2001) live", "Past (0012)", None])
    nothing = pd.Series([None] * 5)
    assert year_of(nothing, titles).fillna(0).tolist() == [1979, 0, 0, 0, 0]
    stated = pd.Series(["1995", "1995.0", "2001-05-06", "19955", "n/a"])
    assert year_of(stated, None).fillna(0).tolist() == [1995, 1995, 2001, 0, 0]


@pytest.mark.parametrize(
    ("year", "decade"), [(1990, "1990s"), (1999, "1990s"), (1900, "1900s"), (1899, "before 1900")]
)
def test_decades(year: int, decade: str) -> None:
    assert decade_of(year) == decade


def test_concepts_are_numbered_by_kind_and_name() -> None:
    found, pairs, notes = build_concepts(
        terms(
            (0, "genre", "War"),
            (0, "genre", "War"),
            (1, "genre", " Art "),
            (1, "genre", "(no genres listed)"),
            (0, "genre", None),
            (0, "tag", "Noir"),
            (1, "tag", "noir"),
            (1, "tag", "noir"),
            (1, "tag", "rare"),
        ),
        year=pd.Series([1895, 1950], dtype="Int64"),
        bands=np.array([Band.HEAD, Band.UNSEEN], dtype=np.int8),
        min_tag_support=2,
    )
    assert list(found.itertuples(index=False, name=None)) == [
        (0, "genre", "Art", 1),
        (1, "genre", "War", 1),
        (2, "tag", "noir", 2),
        (3, "decade", "before 1900", 1),
        (4, "decade", "1950s", 1),
        (5, "popularity", "head", 1),
    ]
    assert list(pairs.itertuples(index=False, name=None)) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 5),
        (1, 0),
        (1, 2),
        (1, 4),
    ]
    assert [note.count for note in notes] == [1]


def test_nothing_known_of_the_items() -> None:
    year, bands = pd.Series([None], dtype="Int64"), np.array([Band.UNSEEN], dtype=np.int8)
    found, pairs, notes = build_concepts(terms(), year, bands, 5)
    assert found.empty
    assert pairs.empty
    assert not notes


def test_labels_stand_for_codes_and_identifiers_make_no_groups() -> None:
    fetched = pd.DataFrame({"raw_id": ["a", "b"], "a0": ["1", "2"], "a1": ["low", None], "a2": ["X", "Y"]})
    users, _ = user_attributes(fetched, ["income", "income_label", "zip_code"], {})
    assert users.columns.tolist() == ["raw_id", "income"]
    assert user_groups(users).to_numpy().tolist() == [[0, "income", "low"]]


def test_attributes_of_too_many_values_make_no_groups() -> None:
    fetched = pd.DataFrame({"raw_id": map(str, range(200)), "a0": map(str, range(200))})
    users, notes = user_attributes(fetched, ["city"], {})
    assert users.columns.tolist() == ["raw_id"]
    assert [note.level for note in notes] == ["dropped"]


def test_ages_are_banded_and_words_are_not() -> None:
    fetched = pd.DataFrame({"raw_id": ["a", "b", "c"], "a0": ["17", "44", None], "a1": ["1", "2", "x"]})
    users, _ = user_attributes(fetched, ["age", "plan"], {"plan": {"1": "free"}})
    assert users["age"].tolist() == ["Under 18", "35-44", None]
    assert users["plan"].tolist() == ["free", "2", "x"]
