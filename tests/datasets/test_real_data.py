"""Real data sets: the counts that their documentation gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recaudit.datasets import ReadOptions, read_dataset, read_id_map, summary
from recaudit.datasets.popularity import Band, popularity_bands
from recaudit.datasets.types import Dataset, Split
from tests.datasets.files import notes_about
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared


def shared(path: str) -> Path:
    assert SHARED is not None
    return SHARED / path


def sizes(dataset: Dataset) -> tuple[int, int, int]:
    return len(dataset.users), len(dataset.items), len(dataset.interactions)


def n_concepts(dataset: Dataset, kind: str) -> int:
    return int((dataset.concepts["kind"] == kind).sum())


def test_movielens_1m() -> None:
    dataset = read_dataset(shared("data/ml-1m"))
    rows = dataset.interactions
    assert sizes(dataset) == (6_040, 3_883, 1_000_209)
    assert summary(dataset) == (
        "6,040 users, 3,706 items (177 more without interactions), 1,000,209 ratings, 18 genres, "
        "timestamps missing for 48 %"
    )
    assert rows.rating is not None
    assert rows.rating.mean(dtype=np.float64) == pytest.approx(3.581564, abs=1e-6)
    assert np.bincount(rows.rating.astype(int)).tolist() == [0, 56174, 107557, 261197, 348971, 226310]
    assert rows.timestamp is not None
    assert (rows.timestamp != np.iinfo(np.int64).min).sum() == 524_231
    assert np.bincount(rows.split).tolist() == [1_000_209 - 2 * 6_040, 6_040, 6_040]
    assert (dataset.user_groups["value"] == "M").sum() == 4_331
    assert dataset.items["year"].min() == 1919


def test_native_movielens_1m_agrees_with_parquet() -> None:
    native = read_dataset(shared("data/ml-1m/ml-1m-users-1-2999.zip"))
    table = read_dataset(shared("data/ml-1m"))
    n = len(native.interactions)
    assert sizes(native) == (6_040, 3_883, 487_650)
    for name in ("user", "item", "rating", "timestamp"):
        np.testing.assert_array_equal(
            getattr(native.interactions, name), getattr(table.interactions, name)[:n]
        )
    pd.testing.assert_frame_equal(native.items, table.items)
    pd.testing.assert_frame_equal(native.user_groups, table.user_groups)


def test_movielens_100k_and_a_split_of_its_own() -> None:
    dataset = read_dataset(
        shared("fixtures/data/ml-100k"), options=ReadOptions(split="given", split_column="split_recbole")
    )
    assert sizes(dataset) == (943, 1_682, 100_000)
    assert np.bincount(dataset.interactions.split).tolist() == [98_114, 943, 943]
    assert n_concepts(dataset, "genre") == 18
    other = read_dataset(shared("fixtures/data/ml-100k")).interactions
    assert 0 < (dataset.interactions.split != other.split).sum() <= 60
    own = read_dataset(shared("fixtures/data/ml-100k"), options=ReadOptions(split="leave_one_out"))
    np.testing.assert_array_equal(own.interactions.split, other.split)


def test_movielens_latest_small() -> None:
    native = read_dataset(shared("data/ml-latest-small/ml-latest-small.zip"))
    table = read_dataset(shared("data/ml-latest-small"))
    assert sizes(native) == sizes(table) == (610, 9_742, 100_836)
    assert native.interactions.rating is not None
    assert native.interactions.rating.mean(dtype=np.float64) == pytest.approx(3.501557, abs=1e-6)
    assert native.items["year"].notna().sum() == 9_729
    pd.testing.assert_frame_equal(native.items, table.items)
    pd.testing.assert_frame_equal(native.item_concepts, table.item_concepts)
    with_genre = native.item_concepts.merge(native.concepts.query("kind == 'genre'"), on="concept")
    assert 9_742 - with_genre["item"].nunique() == 34


def test_lastfm() -> None:
    dataset = read_dataset(shared("data/lastfm-2k"), options=ReadOptions(min_tag_support=1))
    assert sizes(dataset) == (1_892, 17_632, 92_834)
    assert dataset.split["name"] == "random"
    assert dataset.interactions.rating is not None
    assert dataset.interactions.rating.max() == 352_698
    tagged = dataset.item_concepts.merge(dataset.concepts.query("kind == 'tag'"), on="concept")
    assert tagged["item"].nunique() == 12_133
    assert dataset.items["year"].isna().all()


def test_amazon_grocery() -> None:
    dataset = read_dataset(shared("data/amazon-grocery-rechorus"))
    assert sizes(dataset) == (14_681, 8_713, 121_892)
    assert np.bincount(dataset.interactions.split).tolist() == [92_530, 14_681, 14_681]
    assert dataset.items["title"].isna().all()


def test_rechorus_movielens_1m_and_its_ids() -> None:
    folder = shared("fixtures/ml-1m-rechorus/data")
    dataset = read_dataset(folder)
    rows = dataset.interactions
    assert np.bincount(rows.split).tolist() == [568_940, 2_562, 2_874]
    assert len(np.unique(rows.user[rows.split == Split.TEST])) == 226
    assert len(dataset.items) == 3_125
    ids = read_id_map(shared("fixtures/ml-1m-rechorus/ids.parquet"))
    ids.check_size("item", 3_126)
    original = read_dataset(folder, ids=ids)
    catalogue = read_dataset(shared("data/ml-1m")).items.set_index("raw_id")["title"]
    assert catalogue[original.items["raw_id"]].tolist() == original.items["title"].tolist()
    assert not notes_about(dataset, "dropped")


@pytest.mark.parametrize(
    ("name", "expected"), [("ml-1m", (113, 1_066, 2_237)), ("lastfm", (42, 1_157, 1_776))]
)
def test_bands_are_popsteers(name: str, expected: tuple[int, int, int]) -> None:
    published = pd.read_csv(shared(f"fixtures/popsteer/{name}/item_popularity_labels_with_titles.csv"))
    bands = popularity_bands(published["interaction_count"].to_numpy())
    assert tuple((bands == band).sum() for band in (Band.HEAD, Band.MID, Band.TAIL)) == expected
    # Their sort left items of equal count in no particular order.
    wrong = published["interaction_count"][bands != published["popularity_label"]]
    assert wrong.nunique() <= 1
