"""Splits and positions: known answers and properties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recaudit.datasets import ReadOptions, read_dataset
from recaudit.datasets.splits import global_time, leave_one_out, positions, random_per_user
from recaudit.datasets.types import Split
from recaudit.errors import UsageError
from tests.datasets.files import notes_about, write

rows = st.lists(st.tuples(st.integers(0, 5), st.integers(-3, 3)), min_size=1, max_size=60)


def arrays(pairs: list[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.array([user for user, _ in pairs]), np.array([time for _, time in pairs])


@given(rows)
def test_positions_number_each_user_from_zero_in_time_order(pairs: list[tuple[int, int]]) -> None:
    user, time = arrays(pairs)
    place = positions(user, time)
    for one in np.unique(user):
        own = user == one
        assert sorted(place[own]) == list(range(own.sum()))
        assert (np.diff(time[own][np.argsort(place[own])]) >= 0).all()


@given(rows)
def test_positions_of_whole_and_real_keys_agree(pairs: list[tuple[int, int]]) -> None:
    user, time = arrays(pairs)
    np.testing.assert_array_equal(positions(user, time), positions(user, time.astype(np.float64)))


def test_ties_and_no_key_keep_row_order() -> None:
    user = np.array([1, 0, 1, 1])
    np.testing.assert_array_equal(positions(user, np.array([7, 7, 7, 7])), [0, 0, 1, 2])
    np.testing.assert_array_equal(positions(user, None), [0, 0, 1, 2])


def test_times_too_far_apart_to_pack_still_sort() -> None:
    far = np.array([np.iinfo(np.int64).max, np.iinfo(np.int64).min, 0])
    np.testing.assert_array_equal(positions(np.array([9, 9, 9]), far), [2, 0, 1])


@given(rows)
def test_leave_one_out_sizes(pairs: list[tuple[int, int]]) -> None:
    user, time = arrays(pairs)
    labels = leave_one_out(user, positions(user, time), np.ones(len(user), dtype=bool))
    for one in np.unique(user):
        own = labels[user == one]
        held_out = 1 if len(own) >= 3 else 0
        assert (own == Split.TEST).sum() == held_out
        assert (own == Split.VALID).sum() == held_out


@given(rows, st.permutations(range(6)))
def test_renumbering_users_moves_no_interaction(pairs: list[tuple[int, int]], renumbered: list[int]) -> None:
    user, time = arrays(pairs)
    other = np.array(renumbered)[user]
    np.testing.assert_array_equal(positions(user, time), positions(other, time))


@given(rows, st.integers(0, 3))
def test_random_split_sizes(pairs: list[tuple[int, int]], seed: int) -> None:
    user, _ = arrays(pairs)
    labels = random_per_user(user, (0.2, 0.3), seed)
    np.testing.assert_array_equal(labels, random_per_user(user, (0.2, 0.3), seed))
    for one in np.unique(user):
        own = labels[user == one]
        assert (own == Split.TRAIN).any()
        assert (own == Split.TEST).sum() == (np.floor(0.3 * len(own) + 0.5) if len(own) >= 3 else 0)


def test_global_time_cuts_the_range_not_the_rows() -> None:
    time = np.array([0, 1, 2, 3, 79, 80, 89, 90, 100, 999])
    known = time < 999
    labels = global_time(time, known, (0.8, 0.9))
    np.testing.assert_array_equal(labels, [0, 0, 0, 0, 0, 1, 1, 2, 2, 0])


def test_the_data_decides_where_nobody_else_does(tmp_path: Path) -> None:
    untimed = write(tmp_path / "untimed", {"interactions.csv": "user_id,item_id\n1,1\n1,2\n"})
    assert read_dataset(untimed).split == {"name": "random", "seed": 0, "shares": [0.1, 0.1]}
    with pytest.raises(UsageError) as caught:
        read_dataset(untimed, options=ReadOptions(split="leave_one_out"))
    assert "--split random" in caught.value.fix
    own = write(
        tmp_path / "own", {"interactions.csv": "user_id,item_id,split\n1,1,TRAIN\n1,2,Dev\n1,3,test\n"}
    )
    dataset = read_dataset(own)
    assert dataset.split == {"name": "given"}
    np.testing.assert_array_equal(dataset.interactions.split, [0, 1, 2])


def test_any_column_can_give_the_split(tmp_path: Path) -> None:
    text = "user_id,item_id,rating,fold\n1,1,5,validation\n1,2,4,train\n"
    folder = write(tmp_path, {"interactions.csv": text})
    dataset = read_dataset(folder, options=ReadOptions(split_column="fold"))
    np.testing.assert_array_equal(dataset.interactions.split, [1, 0])
    assert dataset.split == {"name": "given", "column": "fold"}
    with pytest.raises(UsageError, match="4, 5"):
        read_dataset(folder, options=ReadOptions(split="given", split_column="rating"))
    with pytest.raises(UsageError, match="no column part"):
        read_dataset(folder, options=ReadOptions(split_column="part"))
    with pytest.raises(UsageError, match="carries no split"):
        read_dataset(folder, options=ReadOptions(split="given"))


def test_rows_of_unknown_time_come_first_and_are_never_held_out(tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp\n1,1,5\n1,2,\n1,3,\n1,4,\n2,1,\n2,2,\n2,3,\n"
    dataset = read_dataset(write(tmp_path, {"interactions.csv": text}))
    np.testing.assert_array_equal(dataset.interactions.position, [3, 0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(dataset.interactions.split, [2, 0, 0, 0, 0, 0, 0])


def test_unseen_items_in_held_out_rows_are_kept_and_counted(tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp\n1,1,0\n1,2,50\n2,9,95\n1,1,100\n"
    dataset = read_dataset(
        write(tmp_path, {"interactions.csv": text}), options=ReadOptions(split="global_time")
    )
    np.testing.assert_array_equal(dataset.interactions.split, [0, 0, 2, 2])
    assert notes_about(dataset, "users never seen")[0].count == 1
    assert notes_about(dataset, "items never seen")[0].count == 1


def test_renumbered_users_change_nothing_but_indexes(tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp\n" + "".join(
        f"{u},{i},{i * 3 + u}\n" for u in range(4) for i in range(5)
    )
    first = read_dataset(write(tmp_path / "a", {"interactions.csv": text}))
    users = "user_id\n3\n1\n0\n2\n"
    second = read_dataset(write(tmp_path / "b", {"interactions.csv": text, "users.csv": users}))
    np.testing.assert_array_equal(first.interactions.position, second.interactions.position)
    np.testing.assert_array_equal(first.interactions.split, second.interactions.split)
    assert second.users["raw_id"].tolist() == ["3", "1", "0", "2"]
