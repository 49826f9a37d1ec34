"""Id maps: every form, every contradiction."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from recaudit.datasets import read_dataset, read_id_map
from recaudit.errors import InputRefused, UsageError
from tests.datasets.files import raw_rows, write

BOTH = {"user": {0: "u1"}, "item": {1: "01", 2: "1"}}


def parquet(path: Path) -> Path:
    duckdb.execute(
        "COPY (SELECT * FROM (VALUES ('user', 0, 'u1'), ('item', 1, '01'), ('item', 2, '1')) t(kind, row, raw_id)) "
        f"TO '{path}' (FORMAT parquet)"
    )
    return path


def test_tables_with_a_kind(tmp_path: Path) -> None:
    write(tmp_path, {"ids.csv": "kind,row,raw_id\nuser,0,u1\nitem,1,01\nitem,2,1\n"})
    assert read_id_map(tmp_path / "ids.csv").rows == BOTH
    assert read_id_map(parquet(tmp_path / "ids.parquet")).rows == BOTH


@pytest.mark.parametrize(
    "content",
    [
        "raw_id,row\n01,0\n1,1\n",
        "01;0\n1;1\n",
        '{"01": 0, "1": 1}',
        '["01", "1"]',
        '["01", 1]',
        '\ufeff {"01": "0", "1": "1"}',
    ],
)
def test_forms_without_a_kind(tmp_path: Path, content: str) -> None:
    write(tmp_path, {"ids": content})
    assert read_id_map(tmp_path / "ids", "user").rows == {"user": {0: "01", 1: "1"}}
    assert read_id_map(tmp_path / "ids").rows == {"item": {0: "01", 1: "1"}}


def test_json_may_hold_both_kinds(tmp_path: Path) -> None:
    write(tmp_path, {"ids.json": '{"user": ["u1"], "item": {"01": 1, "1": 2}}'})
    assert read_id_map(tmp_path / "ids.json").rows == BOTH


def test_gaps_are_counted(tmp_path: Path) -> None:
    write(tmp_path, {"ids.json": '[null, "a", null, "b"]'})
    found = read_id_map(tmp_path / "ids.json")
    assert found.rows == {"item": {1: "a", 3: "b"}}
    assert [note.count for note in found.notes] == [2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": 0, "a": 1}', "key a comes twice"),
        ('{"a": 0, "b": 0}', "row 0 is given to two ids, a and b"),
        ('["a", "b", "a"]', "id a is given two rows, 0 and 2"),
        ('{"a": -1}', "row of id a is -1"),
        ('{"a": 1.0}', r"row of id a is 1\.0"),
        ('{"a": true}', "row of id a is True"),
        ('{"a": null}', "row of id a is null"),
        ('{"a": NaN}', "NaN"),
        ("[1.5]", r"id of row 0 is 1\.5"),
        ("{" + '"a":{' * 50_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": 1', "not valid JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "not valid JSON"),
        ('{"movie": {"a": 1}}', "only user and item"),
        ("{}", "empty"),
        ("raw_id,row\na,0\nb,x\n", "row of id b is x"),
        ("raw_id,row\na,0\nb,1.0\n", r"row of id b is 1\.0"),
        ("raw_id,row\na,0\n,1\n", "id of row 1 is null"),
        ("raw_id,row\na,0,7\n", "line 2 does not fit"),
        ("kind,row,raw_id\nmovie,0,a\n", "neither user nor item"),
        ("id,row\na,0\n", "needs the columns row and raw_id, has id, row"),
        ("", "empty"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, content: str, says: str) -> None:
    write(tmp_path, {"ids": content})
    with pytest.raises(InputRefused, match=says):
        read_id_map(tmp_path / "ids")


def test_rows_outside_the_model_name_both_sides(tmp_path: Path) -> None:
    write(tmp_path, {"ids.json": '{"a": 0, "b": 99999}'})
    found = read_id_map(tmp_path / "ids.json")
    found.check_size("user", 1)
    found.check_size("item", 100_000)
    with pytest.raises(InputRefused, match=r"ids\.json names item row 99,999 .* item table has 5 rows"):
        found.check_size("item", 5)


def test_an_unknown_kind_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_id_map(tmp_path / "ids.json", "movie")


def test_rechorus_ids_are_translated(tmp_path: Path) -> None:
    header = "user_id\titem_id\ttime\n"
    write(
        tmp_path,
        {
            "train.csv": header + "1\t2\t5\n",
            "test.csv": header + "1\t1\t6\n",
            "ids.json": '{"user": [null, "Ann"], "item": {"B00": 1, "C01": 2}}',
            "short.json": '{"item": {"B00": 1}}',
        },
    )
    dataset = read_dataset(tmp_path, ids=read_id_map(tmp_path / "ids.json"))
    assert raw_rows(dataset) == [("Ann", "C01"), ("Ann", "B00")]
    with pytest.raises(InputRefused, match="no item row 2"):
        read_dataset(tmp_path, ids=read_id_map(tmp_path / "short.json"))
