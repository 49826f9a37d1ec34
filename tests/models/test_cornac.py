"""Cornac: which attributes each class scores with, and its id maps."""

import numpy as np
import pytest

from recaudit.checkpoints import tools
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.specs import cases, checkpoint, floats, stub

USER, ITEM = floats(3, 2), floats(4, 2, seed=1)
USER_BIAS, ITEM_BIAS = floats(3, seed=2), floats(4, seed=3)
FACTORS = {"u_factors": USER, "i_factors": ITEM, "u_biases": USER_BIAS, "i_biases": ITEM_BIAS}
MAPS = {"uid_map": {"a": 0, "b": 1, "c": 2}, "iid_map": {"w": 3, "x": 2, "y": 1, "z": 0}}


def read(name, **fields):
    return tools.read_model(checkpoint(stub(f"cornac.models.some.{name}", **MAPS, **fields)), tools.Hints())


def shown(spec):
    model, everyone = build(spec), cases([[]] * 3, users=range(3))
    scores = model.head.score(model.represent(everyone))
    offset = model.offset(everyone)
    return scores if offset is None else scores + offset[:, None]


@pytest.mark.parametrize("name", ["MF", "SVD", "NMF"])
def test_rating_models_have_all_biases(name):
    scores = shown(read(name, **FACTORS, global_mean=3.5))
    np.testing.assert_allclose(
        scores, USER @ ITEM.T + 3.5 + USER_BIAS[:, None] + ITEM_BIAS, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("name", ["BPR", "WBPR", "MMMF"])
def test_ranking_models_have_item_biases(name):
    # A global mean is there too, but no part of the score.
    scores = shown(read(name, **FACTORS, global_mean=3.5))
    np.testing.assert_allclose(scores, USER @ ITEM.T + ITEM_BIAS, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "user", "item"),
    [("PMF", "U", "V"), ("WMF", "U", "V"), ("IBPR", "U", "V"), ("HPF", "Theta", "Beta")],
)
def test_plain_products(name, user, item):
    np.testing.assert_allclose(shown(read(name, **{user: USER, item: ITEM})), USER @ ITEM.T, rtol=1e-5)


def test_ids_are_turned_round():
    spec = read("PMF", U=USER, V=ITEM)
    assert spec.raw_ids == {"user": {0: "a", 1: "b", 2: "c"}, "item": {3: "w", 2: "x", 1: "y", 0: "z"}}


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("VAECF", {}, "Cornac model VAECF is not read yet"),
        ("PMF", {"U": None, "V": ITEM}, "`U` of its PMF is NoneType, not an array of floats with 2 axes"),
        ("MF", {**FACTORS, "global_mean": None}, "`global_mean` of its MF is None, not a number"),
        ("PMF", {"U": USER[:2], "V": ITEM}, "user id c is on row 2, but the table has 2 rows"),
    ],
)
def test_refusals(name, fields, message):
    with pytest.raises(InputRefused, match=message):
        read(name, **fields)
