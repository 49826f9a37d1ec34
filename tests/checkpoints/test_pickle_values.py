"""Benign pickles give up their values in every protocol, unknown classes as inert stubs."""

from __future__ import annotations

import collections
import datetime
import io
import pathlib
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from recaudit.checkpoints import Stub
from recaudit.checkpoints.tidy import CYCLE
from recaudit.errors import InputRefused
from tests.checkpoints.forging import Write, call_pickle, read, table

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@dataclass
class Recommender:
    factors: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict)


class Ratings(dict[str, int]):
    pass


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_come_back_as_they_were(protocol: int, write: Write) -> None:
    value = {
        "text": "naïve \u2028 \U0001f3ac 'quoted'\n",
        "numbers": [0, -1, 255, 65536, -(2**31), 2**70, -(2**2000), 0.1, float("inf")],
        "flags": (True, False, None),
        "raw": b"\x00\xff",
        ("a", 1): {1, 2},
        3: frozenset({"x"}),
        "ordered": collections.OrderedDict(a=1),
        "complex": 1 + 2j,
    }
    assert read(write(pickle.dumps(value, protocol))).tree == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        table(), np.asfortranarray(table()), table().astype(">f8"), table().astype(np.float16),
        np.arange(6).reshape(1, 2, 3), np.array(["a", "bcd"]), np.zeros((0, 3)), np.array(3.5),
        np.array([True, False]), np.array(["2020-01-01"], "M8[D]"), np.array([1 + 1j]),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)  # fmt: skip
def test_arrays_come_back_equal(array: np.ndarray, protocol: int, write: Write) -> None:
    found = read(write(pickle.dumps({"a": array, "again": array}, protocol))).tree
    np.testing.assert_array_equal(found["a"], array)
    assert found["a"].dtype == array.dtype.newbyteorder("=")


def test_object_arrays_become_lists(write: Write) -> None:
    array = np.array([["a", 1], [None, "b"]], dtype=object)
    assert read(write(pickle.dumps(array))).tree == [["a", 1], [None, "b"]]


def test_numpy_scalars_become_numbers(write: Write) -> None:
    value = {"f": np.float32(0.5), "i": np.int64(3), np.int64(7): np.bool_(True)}
    assert read(write(pickle.dumps(value))).tree == {"f": 0.5, "i": 3, 7: True}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_objects_become_stubs_that_keep_their_fields(protocol: int, write: Write) -> None:
    saved = Recommender(table(), {"k": 8, "since": datetime.date(2020, 1, 1)})
    checkpoint = read(write(pickle.dumps([saved, Ratings(a=1)], protocol)))
    stub, ratings = checkpoint.tree
    assert isinstance(stub, Stub)
    assert stub.name == f"{__name__}.Recommender"
    np.testing.assert_array_equal(stub.fields["factors"], saved.factors)
    assert stub.fields["settings"]["k"] == 8
    assert ratings.entries == [("a", 1)] or ratings.args == ({"a": 1},)
    assert checkpoint.receipt.stubs[stub.name] == 1


def test_a_function_that_is_only_mentioned_is_tolerated(write: Write) -> None:
    content = b"\x80\x02}U\x03actctorch.nn.functional\nrelu\ns."
    assert read(write(content)).tree == {"act": "torch.nn.functional.relu"}


def test_enum_members_of_every_python_are_stubs(write: Write) -> None:
    by_name = b"cbuiltins\ngetattr\n(crecbole.utils.enum_type\nModelType\nS'GENERAL'\ntR"
    tree = read(write(b"\x80\x02]" + by_name + b"a.")).tree
    assert (tree[0].name, tree[0].args) == ("recbole.utils.enum_type.ModelType", ("GENERAL",))
    with pytest.raises(InputRefused, match="no plain name"):
        read(write(b"\x80\x02]" + by_name + b")Ra."))


@pytest.mark.parametrize(
    "value", [np.random.default_rng(0), np.random.RandomState(0), io.BytesIO(b"x"), pathlib.Path("a")]
)
def test_common_library_objects_are_tolerated(value: object, write: Write) -> None:
    assert isinstance(read(write(pickle.dumps(value))).tree, Stub)


def test_cycles_are_cut_and_noted(write: Write) -> None:
    parent: dict[str, Any] = {"weight": table()}
    parent["child"] = {"parent": parent}
    checkpoint = read(write(pickle.dumps(parent)))
    assert checkpoint.tree["child"]["parent"].name == CYCLE
    assert "cycle" in {note.code for note in checkpoint.receipt.notes}


def test_shared_parts_stay_shared(write: Write) -> None:
    shared = [1, 2]
    tree = read(write(pickle.dumps({"a": shared, "b": shared}))).tree
    assert tree["a"] is tree["b"]


def test_a_known_harmless_call_is_recorded_and_not_made(write: Write) -> None:
    tree = read(write(call_pickle("logging", "getLogger", "root"))).tree
    assert (tree.name, tree.args) == ("logging.getLogger", ("root",))


def test_a_pickle_inside_bytes_is_opened_and_noted(write: Write) -> None:
    checkpoint = read(write(pickle.dumps({"fitted": pickle.dumps({"k": 3})})))
    assert checkpoint.tree == {"fitted": {"k": 3}}
    assert "nested-file" in {note.code for note in checkpoint.receipt.notes}


def test_training_state_is_left_out_and_named(write: Write) -> None:
    value = {"state_dict": {"w": table()}, "optimizer": {"state": {0: table()}}, "epoch": 1}
    checkpoint = read(write(pickle.dumps(value)))
    assert set(checkpoint.tree) == {"state_dict", "epoch"}
    assert checkpoint.receipt.skipped == ("optimizer",)
    assert checkpoint.receipt.tensors == 1
