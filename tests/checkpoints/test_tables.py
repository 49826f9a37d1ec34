"""CSV tables and JSON id maps: what is odd about them is said with the line."""

from __future__ import annotations

import json

import pytest

from recaudit.errors import InputRefused
from tests.checkpoints.forging import Write, read


def _codes(content: bytes | str, write: Write) -> set[str]:
    raw = content.encode() if isinstance(content, str) else content
    return {note.code for note in read(write(raw)).receipt.notes}


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        ("item_id,title\n1,A\n2,B\n", set()),
        ("\ufeffitem_id;title\r\n1;A\r\n", set()),
        ("item_id:token\ttitle:token_seq\n1\tA\n", set()),
        ('item_id,title\n1,"two\nlines"\n2,=HYPERLINK(1)\n3,\x1b[2J\n', set()),
        (" item_id ,title\n a,A\nA ,B\na,C\n", set()),
        ("item_id,title\n1," + "x" * 300_000 + "\n", set()),
        ("item_id,title\n1,A\n1,B\n", {"duplicate-ids"}),
        ("item_id,title\n", {"no-rows"}),
        ("item_id,title\n1,A,B\n2\n", {"ragged-rows"}),
        ("item_id,title\n1,A\0B\n", {"nul"}),
        ('item_id,title\n1,"open\n2,B\n', {"open-quote"}),
        ('item_id,title\n1,"' + "2,B\n" * 40 + '"\n', {"open-quote"}),
        ("item_id\n1.0\n2.0\n", {"float-ids"}),
        ("user_id,item_id\n1,2\n1,abc\n", {"mixed-ids"}),
        ("user_id,item_id,timestamp\n1,2,-5\n1,3,9e99\n", {"bad-times"}),
        ("user_id,item_id,rating\n1,2,nan\n1,3,\n", {"bad-ratings"}),
        ("user_id,item_id\n1,2\n1,3\n", set()),
        ("item_id,title\n1,Café\n".encode("latin-1"), {"encoding"}),
        ("\ufeffitem_id,title\n1,A\n".encode("utf-16-le"), {"encoding"}),
    ],
)
def test_what_is_noted_about_a_table(content: bytes | str, codes: set[str], write: Write) -> None:
    assert _codes(content, write) == codes


def test_notes_name_the_lines(write: Write) -> None:
    notes = read(write(b'item_id,title\n1,"a\nb"\n2\n3,c,d\n')).receipt.notes
    assert "lines 4, 5" in notes[0].message


def test_a_table_without_ids_is_refused_with_the_columns_looked_for(write: Write) -> None:
    with pytest.raises(InputRefused, match=r"“name”.*looked for item_id"):
        read(write(b"name,genre\nA,x\n"))


def test_a_table_of_numbers_is_an_embedding(write: Write) -> None:
    tree = read(write(b"item_id,0,1\na,0.5,1\nb,2,3\n")).tree
    assert tree["item_id"] == ["a", "b"]
    assert tree["vectors"].tolist() == [[0.5, 1], [2, 3]]
    assert read(write(b"0,1\n0.5,1\n")).tree["vectors"].tolist() == [[0.5, 1]]
    with pytest.raises(InputRefused, match="no number"):
        read(write(b"0,1\n0.5,x\n"))


@pytest.mark.parametrize(
    "content",
    [
        '{"1": 0, "1": 1}', '{"1": 0, "2": 0}', '{"1": -1}', '{"1": 1.5}', '{"1": "zero"}',
        '{"1": true}', '{"1": null}', '{"a": NaN}', '{"a": Infinity}', '["a", "b", "a"]',
        '{"a":' * 50_000, "[" * 50_000, "{'a': 1}", '{"a": 1',
    ],
)  # fmt: skip
def test_id_maps_that_contradict_themselves_are_refused(content: str, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(content.encode()))


@pytest.mark.parametrize(
    "value",
    [{"10": 0, "20": 1}, ["a", "b"], {"model": "BPR", "k": 8, "lr": 0.1, "path": None}, {"a": {"b": [1]}}],
)
def test_maps_lists_and_settings_are_read(value: object, write: Write) -> None:
    checkpoint = read(write(json.dumps(value).encode()))
    assert checkpoint.tree == value
    assert checkpoint.receipt.verdict == "clean"


def test_rows_far_outside_any_table_are_noted(write: Write) -> None:
    assert _codes('{"1": 0, "2": 99999}', write) == {"row-gaps"}
