"""Plain tables: every container of the fixture, one file or two, and what is refused."""

from itertools import product

import numpy as np
import pytest

from recaudit.checkpoints import read_checkpoint, tools
from recaudit.errors import InputRefused, NoVerdictError
from recaudit.models import build
from tests.models.golden import FOLDERS, assert_list, opened, shown_scores
from tests.models.specs import cases, checkpoint, floats
from tests.shared import needs_shared

USERS = ["user_embeddings.npy", "users_wide.parquet"]
ITEMS = [
    "item_embeddings.npy",
    "item_embeddings_be.npy",
    "item_embeddings_fortran.npy",
    "item_embeddings_bf16.safetensors",
    "items.csv",
    "items.parquet",
]


@pytest.fixture
def fix():
    return opened(next(folder for folder in FOLDERS if folder.name == "plain-tables"))


def read(path, other=None):
    return tools.read_model(read_checkpoint(path), tools.Hints(other_table=other))


def assert_golden(fix, spec, tolerance=1e-4):
    golden = fix.manifest["golden"]
    for scores, user in zip(shown_scores(build(spec), fix.cases(golden)), golden, strict=True):
        assert_list(scores, user["top_all"], set(), tolerance)


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize("name", ["embeddings.npz", "embeddings.safetensors"])
def test_both_sides_in_one_file(fix, name):
    spec = read(fix.folder / name)
    assert_golden(fix, spec)
    assert spec.unused == ()
    if name.endswith("npz"):
        for kind in ("user", "item"):
            assert {raw: row for row, raw in spec.raw_ids[kind].items()} == fix.ids[kind]


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize(("users", "items"), [*product(USERS, ITEMS)])
def test_a_file_a_side(fix, users, items):
    # bfloat16 keeps three digits.
    tolerance = 1e-2 if "bf16" in items else 1e-4
    spec = read(fix.folder / users, fix.folder / items)
    assert_golden(fix, spec, tolerance)
    for kind, name in (("user", users), ("item", items)):
        if name.endswith((".csv", ".parquet")):
            assert {raw: row for row, raw in spec.raw_ids[kind].items()} == fix.ids[kind]
    assert_golden(fix, read(fix.folder / items, fix.folder / users), tolerance)


@needs_shared
@pytest.mark.shared
def test_two_files_of_one_side(fix):
    with pytest.raises(InputRefused, match=r"holds item vectors too, but items\.csv") as refused:
        read(fix.folder / "items.csv", fix.folder / "items.parquet")
    assert "--other-table" in refused.value.fix


@needs_shared
@pytest.mark.shared
def test_other_table_that_is_none(fix):
    with pytest.raises(InputRefused, match="it holds no table of vectors"):
        read(fix.folder / "items.csv", fix.folder / "ids.parquet")


def test_users_alone_ask_for_the_items():
    with pytest.raises(InputRefused, match="user vectors only") as refused:
        tools.read_model(checkpoint({"user_embeddings": floats(3, 2)}), tools.Hints())
    assert "--other-table" in refused.value.fix


def test_items_alone_are_item_vectors():
    model = build(tools.read_model(checkpoint({"item_embeddings": floats(3, 2)}), tools.Hints()))
    assert model.n_users is None
    with pytest.raises(NoVerdictError, match="item vectors only"):
        model.represent(cases([[1]]))


def test_an_array_whose_side_nothing_tells():
    with pytest.raises(InputRefused, match="no known tool writes a recommender like this"):
        tools.read_model(checkpoint(floats(3, 2), "weights.npy", "npy"), tools.Hints())


def test_biases_and_ids_beside_the_tables():
    tree = {
        "users": floats(3, 2),
        "items": floats(4, 2),
        "item_bias": floats(4),
        "user_id": np.array([7, 8, 9]),
        "item_id": ["a", "b", "c", "d"],
        "epoch": np.array(3),
    }
    spec = tools.read_model(checkpoint(tree, "t.npz", "npz"), tools.Hints())
    assert spec.raw_ids == {"user": {0: "7", 1: "8", 2: "9"}, "item": dict(enumerate("abcd"))}
    assert spec.unused == ("epoch",)
    np.testing.assert_array_equal(build(spec).head.bias, tree["item_bias"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item_id": ["a", "b"]}, "lists 2 item ids for 4 item rows"),
        ({"item_id": ["a", "b", "a", "d"]}, "item id a is on rows 0 and 2"),
        ({"item_bias": floats(3)}, "the item table has rows 4, the item biases are 3"),
        ({"users": floats(3, 5)}, "the user table is 5 wide and the item table 2"),
    ],
)
def test_contradictions_name_both(change, message):
    tree = {"users": floats(3, 2), "items": floats(4, 2), **change}
    with pytest.raises(InputRefused, match=message):
        build(tools.read_model(checkpoint(tree, "t.npz", "npz"), tools.Hints()))
