"""Damaged, odd and hostile tables: a refusal that names the place, or a counted note."""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recaudit.datasets import ReadOptions, read_dataset, read_id_map, workspace
from recaudit.datasets.types import DataNote
from recaudit.errors import InputRefused, RecauditError, UsageError
from tests.datasets.files import notes_about, raw_rows, write
from tests.shared import SHARED, needs_shared

INTERACTIONS = "user_id,item_id\n1,1\n1,2\n2,1\n"


def only_note(folder: Path, words: str) -> DataNote:
    (note,) = notes_about(read_dataset(folder), words)
    return note


def with_items(tmp_path: Path, items: str | bytes) -> Path:
    return write(tmp_path, {"interactions.csv": INTERACTIONS, "items.csv": items})


def test_ragged_rows_are_dropped_with_their_line(tmp_path: Path) -> None:
    text = "user_id,item_id,rating\n1,1,5\n1,2\n2,1,3,extra\n2,2,4\n3,1\n"
    dataset = read_dataset(write(tmp_path, {"interactions.csv": text}))
    assert raw_rows(dataset) == [("1", "1"), ("2", "2")]
    fewer, more = notes_about(dataset, "rows dropped")
    assert (fewer.level, fewer.count, fewer.file, fewer.line) == ("dropped", 2, "interactions.csv", 3)
    assert (more.count, more.line) == (1, 4)


def test_a_file_of_bad_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_MAX_REJECTS", 3)
    folder = write(tmp_path, {"interactions.csv": "user_id,item_id\n1,1\n" + "1,2,3\n" * 4})
    with pytest.raises(InputRefused, match=r"interactions\.csv: line 3 does not fit the header"):
        read_dataset(folder)


def test_bad_values_are_counted_with_their_line(tmp_path: Path) -> None:
    text = (
        "user_id,item_id,rating,timestamp\n1,1,5,978300760\nshort\n1,2,nan,-99999999999999\n,3,1,978300760\n"
        "1,4,many,9e99\n1,5,,\n"
    )
    dataset = read_dataset(write(tmp_path, {"interactions.csv": text}))
    rows = dataset.interactions
    assert rows.rating is not None
    assert rows.timestamp is not None
    np.testing.assert_array_equal(rows.rating, [5, np.nan, np.nan, np.nan])
    assert rows.timestamp.tolist() == [978300760, *[np.iinfo(np.int64).min] * 3]
    found = {note.message.split(" that ")[0]: (note.count, note.line) for note in dataset.notes if note.line}
    assert found["ratings"] == (2, 4)
    assert found["times"] == (2, 4)
    assert found["interactions without a user or item id"] == (1, 5)


def test_no_line_is_named_where_rows_and_lines_do_not_go_together(tmp_path: Path) -> None:
    text = 'user_id,item_id,rating\n1,"a\nb",5\n1,2,x\n'
    folder = write(tmp_path, {"interactions.csv": text})
    assert only_note(folder, "no finite number").line is None


def test_milliseconds_become_seconds(tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp\n1,1,978300760123\n1,2,978300761456\n"
    dataset = read_dataset(write(tmp_path, {"interactions.csv": text}))
    assert dataset.interactions.timestamp is not None
    assert dataset.interactions.timestamp.tolist() == [978300760, 978300761]
    assert notes_about(dataset, "milliseconds")


def test_a_minimum_rating_drops_and_counts(tmp_path: Path) -> None:
    folder = write(tmp_path, {"interactions.csv": "user_id,item_id,rating\n1,1,5\n1,2,3\n1,3,\n"})
    dataset = read_dataset(folder, options=ReadOptions(min_rating=4))
    assert raw_rows(dataset) == [("1", "1")]
    assert notes_about(dataset, "rated below 4")[0].count == 2
    bare = write(tmp_path / "bare", {"interactions.csv": INTERACTIONS})
    with pytest.raises(UsageError, match="--min-rating"):
        read_dataset(bare, options=ReadOptions(min_rating=4))


def test_repeated_pairs_are_kept_and_counted(tmp_path: Path) -> None:
    folder = write(tmp_path, {"interactions.csv": "user_id,item_id\n1,1\n1,1\n1,2\n1,1\n"})
    assert len(read_dataset(folder).interactions) == 4
    assert only_note(folder, "repeat an earlier one").count == 2


@pytest.mark.parametrize(
    ("items", "title"),
    [
        ("item_id,title\n1,Café\n".encode("latin-1"), "Café"),
        ("item_id,title\n1,Café\n".encode("utf-16"), "Café"),
        ("item_id;title\r\n1;Café\r\n".encode("utf-8-sig"), "Café"),
        ("item_id,title\n1,Café\r\n2,B\n".encode(), "Café"),
        (b"item_id,title\n1,A\0B\n", "A\0B"),
        (b'item_id,title\n1,"two\nlines"\n', "two\nlines"),
        (b"item_id,title\n1,'); DROP TABLE items; --\n", "'); DROP TABLE items; --"),
        (b'item_id,title\n1,"never closed\n2,B\n3,C\n', '"never closed'),
        (b"item_id,title\n1," + b"x" * 300_000 + b"\n", "x" * 300_000),
    ],
    ids=["latin-1", "utf-16", "bom", "mixed line ends", "nul", "newline", "sql", "runaway quote", "huge"],
)
def test_titles_survive(tmp_path: Path, items: bytes, title: str) -> None:
    assert read_dataset(with_items(tmp_path, items)).items["title"][0] == title


def test_what_is_odd_about_the_bytes_is_said(tmp_path: Path) -> None:
    latin = with_items(tmp_path / "a", "item_id,title\n1,A\n2,Café\n".encode("latin-1"))
    assert only_note(latin, "Latin-1").line == 3
    assert only_note(with_items(tmp_path / "b", b"item_id,title\n1,A\n2,B\0\0\n"), "NUL").count == 2
    assert only_note(with_items(tmp_path / "c", b'item_id,title\n1,A\n2,"B\n3,C\n'), "never closed").line == 3
    assert only_note(with_items(tmp_path / "d", b"item_id,title\n"), "no rows").level == "warning"
    repeated = only_note(with_items(tmp_path / "e", b"item_id,title\n1,A\n2,B\n1,C\n"), "repeated ids")
    assert (repeated.count, repeated.line) == (1, 4)
    assert only_note(with_items(tmp_path / "f", b"item_id,title\n1.0,A\n"), "look like floats").count == 1
    assert only_note(with_items(tmp_path / "g", b"item_id,title\n1,A\n"), "table of items lacks").count == 1


def test_columns_looked_for_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path, {"interactions.csv": "who,what\n1,2\n"})
    with pytest.raises(InputRefused, match=r"user_id, userid.*among who, what"):
        read_dataset(folder)


@pytest.mark.parametrize("content", [b"", b"user_id,item_id\n", b"user_id,item_id\n,\n"])
def test_no_interaction_no_audit(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputRefused, match=r"interactions\.csv"):
        read_dataset(write(tmp_path, {"interactions.csv": content}))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, {"interactions.csv": INTERACTIONS})

    def denied(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputRefused, match=r"interactions\.csv: cannot be read \(Permission denied\)"):
        read_dataset(folder)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="2 columns are called item_id"):
        read_dataset(write(tmp_path, {"interactions.csv": "user_id,item_id,item_id\n1,2,3\n"}))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no such file"):
        read_dataset(tmp_path / "absent")


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", b"0" * (80 << 20))


def encrypted(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("interactions.csv", INTERACTIONS)
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, directory + 8, 1)
    path.write_bytes(bytes(content))


def several_folders(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/interactions.csv", INTERACTIONS)
        archive.writestr("b/interactions.csv", INTERACTIONS)


def no_table(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.md", "hello")


def damaged(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("interactions.csv", INTERACTIONS)
    path.write_bytes(path.read_bytes().replace(b"1,1\n", b"1,7\n", 1))


@pytest.mark.parametrize("make", [bomb, encrypted, several_folders, no_table, damaged])
def test_archives_that_are_refused(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "data.zip")
    with pytest.raises(InputRefused, match=r"data\.zip"):
        read_dataset(tmp_path / "data.zip")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["user_id,item_id,rating,timestamp\n", "user_id\titem_id\n", ""]),
    st.text(alphabet="01a,;\t\"'\n\r\0é|:.-", max_size=80),
    st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
def test_anything_is_read_or_refused(header: str, rows: str, encoding: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), {"interactions.csv": (header + rows).encode(encoding)})
        outcome = rows_or_refusal(Path(folder))
        assert "interactions.csv" in outcome if isinstance(outcome, str) else outcome > 0


def rows_or_refusal(folder: Path) -> int | str:
    try:
        return len(read_dataset(folder).interactions)
    except RecauditError as refused:
        return refused.message


def test_a_mapping_file_must_be_one(tmp_path: Path) -> None:
    folder = write(
        tmp_path, {"interactions.csv": INTERACTIONS, "a.toml": "columns = [", "b.toml": "[column]\n"}
    )
    with pytest.raises(InputRefused, match=r"a\.toml"):
        read_dataset(folder, options=ReadOptions(mapping=folder / "a.toml"))
    with pytest.raises(UsageError) as caught:
        read_dataset(folder, options=ReadOptions(mapping=folder / "b.toml"))
    assert "did you mean columns" in caught.value.fix


def hostile_cases() -> list[tuple[str, str]]:
    if SHARED is None:
        return []
    manifest = json.loads((SHARED / "fixtures/hostile/manifest.json").read_text())
    return [(case["file"], case["expect"]["ingest"]) for case in manifest["cases"] if case["kind"] == "table"]


@needs_shared
@pytest.mark.parametrize(("file", "expected"), hostile_cases())
def test_hostile_tables(tmp_path: Path, file: str, expected: str) -> None:
    assert SHARED is not None
    hostile = SHARED / "fixtures/hostile" / file
    if file.startswith("map_"):
        if expected == "reject":
            with pytest.raises(InputRefused):
                read_id_map(hostile)
        else:
            assert len(read_id_map(hostile).rows["item"]) == 20
        return
    as_interactions = file.startswith("inter_")
    folder = write(tmp_path, {"interactions.csv": INTERACTIONS, "items.csv": "item_id,title\n1,A\n"})
    target = folder / ("interactions.csv" if as_interactions else f"items{hostile.suffix}")
    (folder / ("interactions.csv" if as_interactions else "items.csv")).unlink()
    shutil.copyfile(hostile, target)
    if expected == "reject":
        with pytest.raises(InputRefused, match=target.name):
            read_dataset(folder)
        return
    notes = [note for note in read_dataset(folder).notes if note.level != "info"]
    of_the_file = [note for note in notes if "table of items lacks" not in note.message or as_interactions]
    assert bool(of_the_file) == (expected == "accept with a warning")
