"""LensKit: pyarrow vocabularies, settings per side, pipelines, stored vectors where they are preferred."""

import numpy as np
import pytest

from recaudit.checkpoints import tools
from recaudit.checkpoints.types import Stub
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.specs import cases, checkpoint, floats, stub

USER, ITEM = floats(2, 3), floats(3, 3, seed=1)


def pyarrow(kind, length, buffers, offset=0, nulls=0):
    kept = [None if content is None else Stub("pyarrow.lib.py_buffer", (content,)) for content in buffers]
    parts = (Stub("pyarrow.lib.type_for_alias", (kind,)), length, nulls, offset, kept, [], None)
    return Stub("pyarrow.lib._restore_array", (parts,))


def text(*words, wide=False):
    encoded = [word.encode() for word in words]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64 if wide else np.int32)
    kind = "large_string" if wide else "string"
    return pyarrow(kind, len(words), [None, offsets.tobytes(), b"".join(encoded)])


def vocabulary(array):
    return stub("lenskit.data.vocab.Vocabulary", name="item", array=array)


def scorer(name, items=None, settings=None, **fields):
    config = {"embedding_size": 3, "regularization": 0.1, "damping": 5.0, "weight": 40, **(settings or {})}
    return stub(
        f"lenskit.als.{name}",
        config=stub("lenskit.als.Config", __dict__=config),
        users=vocabulary(text("anna", "bo")),
        items=vocabulary(items or text("x", "ÿz", "")),
        user_embeddings=USER,
        item_embeddings=ITEM,
        _OtOr=ITEM.T @ ITEM + 0.1 * np.eye(3, dtype=np.float32),
        **fields,
    )


def bias(**change):
    fields = {"global_bias": 3.5, "item_biases": floats(3, seed=2), "user_biases": floats(2, seed=3)}
    return stub("lenskit.basic.bias.BiasModel", **{**fields, **change})


def read(tree):
    return tools.read_model(checkpoint(tree), tools.Hints())


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (text("x", "ÿz", ""), ["x", "ÿz", ""]),
        (text("x", "y", "z", wide=True), ["x", "y", "z"]),
        (pyarrow("int64", 3, [None, np.array([5, 7, -1]).tobytes()]), ["5", "7", "-1"]),
        (pyarrow("int32", 3, [None, np.arange(9, dtype=np.int32).tobytes()], offset=4), ["4", "5", "6"]),
        (pyarrow("int8", 3, [None, bytes([1, 2, 3])], nulls=-1), ["1", "2", "3"]),
    ],
)
def test_vocabularies(array, expected):
    assert read(scorer("ImplicitMFScorer", array)).raw_ids == {"item": dict(enumerate(expected))}


@pytest.mark.parametrize(
    "array",
    [
        None,
        pyarrow("double", 3, [None, np.ones(3).tobytes()]),
        pyarrow("string", 3, [None, b"\0" * 4, b""]),
        pyarrow("string", 3, [None, np.arange(4, dtype=np.int32).tobytes(), b"\xff\xfe\xfd"]),
        pyarrow("int64", 3, [b"\x05", np.arange(3).tobytes()], nulls=1),
    ],
)
def test_damaged_vocabularies(array):
    tree = scorer("ImplicitMFScorer")
    tree.state["items"] = vocabulary(array)
    with pytest.raises(InputRefused, match="vocabulary `items` is no array of text or whole numbers"):
        read(tree)


def test_stored_vectors_where_they_are_preferred():
    tree = scorer("BiasedMFScorer", settings={"user_embeddings": "prefer"}, bias=bias())
    model = build(read(tree))
    both = cases([[], []], users=[0, 1])
    expected = USER @ ITEM.T + 3.5 + floats(3, seed=2) + floats(2, seed=3)[:, None]
    found = model.head.score(model.represent(both)) + model.offset(both)[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_funk_svd_uses_stored_vectors():
    spec = read(scorer("FunkSVDScorer", bias=bias(item_biases=None)))
    assert spec.family == "dot"
    assert set(spec.tensors) == {"user", "item", "user_bias"}


def test_settings_per_side():
    pair = stub("lenskit.data.types.UIPair", user=0.2, item=0.7)
    spec = read(scorer("BiasedMFScorer", settings={"regularization": pair}, bias=bias()))
    assert spec.settings["regularization"] == 0.2


def test_the_scorer_of_a_pipeline():
    ranker = stub("lenskit.basic.topn.TopNRanker")
    tree = stub("lenskit.pipeline.Pipeline", components={"s": scorer("ImplicitMFScorer"), "r": ranker})
    assert read(tree).architecture == "ImplicitMF"


def test_several_scorers():
    both = [scorer("ImplicitMFScorer"), scorer("FunkSVDScorer")]
    with pytest.raises(InputRefused, match="several scorers: FunkSVDScorer, ImplicitMFScorer"):
        read(stub("lenskit.pipeline.Pipeline", components=both))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (stub("lenskit.knn.ItemKNNScorer"), "LensKit model ItemKNNScorer is not read yet"),
        (scorer("BiasedMFScorer"), "holds no bias model"),
        (scorer("BiasedMFScorer", settings={"damping": None}, bias=bias()), "no usable `damping`"),
        (scorer("ImplicitMFScorer", text("x", "y")), "lists 2 item ids for 3 item rows"),
    ],
)
def test_refusals(tree, message):
    with pytest.raises(InputRefused, match=message):
        read(tree)
