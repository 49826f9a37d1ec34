"""Surprise: SVD++ against the library's formula, biases, clipping."""

import numpy as np
import pytest

from recaudit.checkpoints import tools
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.specs import cases, checkpoint, floats, stub

USERS, ITEMS, DIM = 3, 5, 2
RATED = {0: [(1, 4.0), (3, 2.0)], 1: [(0, 5.0), (2, 1.0), (4, 3.0)], 2: [(4, 4.0)]}
TENSORS = {
    "pu": floats(USERS, DIM).astype(np.float64),
    "qi": floats(ITEMS, DIM, seed=1).astype(np.float64),
    "bu": floats(USERS, seed=2).astype(np.float64),
    "bi": floats(ITEMS, seed=3).astype(np.float64),
    "yj": floats(ITEMS, DIM, seed=4).astype(np.float64),
}


def read(name, training=None, **fields):
    trainset = {
        "ur": RATED,
        "rating_scale": (1, 5),
        "_global_mean": 3.25,
        "_raw2inner_id_users": {f"u{row}": row for row in range(USERS)},
        "_raw2inner_id_items": {row * 10: row for row in range(ITEMS)},
        **(training or {}),
    }
    algorithm = stub(
        f"surprise.prediction_algorithms.some.{name}",
        trainset=stub("surprise.trainset.Trainset", **trainset),
        **TENSORS,
        **fields,
    )
    return tools.read_model(checkpoint({"predictions": None, "algo": algorithm}), tools.Hints())


def scores(spec):
    model, everyone = build(spec), cases([[]] * USERS, users=range(USERS))
    return model.head.score(model.represent(everyone)) + model.offset(everyone)[:, None]


def test_svdpp_one_pair_at_a_time():
    spec = read("SVDpp")
    expected = np.empty((USERS, ITEMS))
    for user, item in np.ndindex(USERS, ITEMS):
        implicit = sum(TENSORS["yj"][j] for j, _ in RATED[user]) / np.sqrt(len(RATED[user]))
        expected[user, item] = (
            3.25
            + TENSORS["bu"][user]
            + TENSORS["bi"][item]
            + TENSORS["qi"][item] @ (TENSORS["pu"][user] + implicit)
        )
    np.testing.assert_allclose(scores(spec), expected, rtol=1e-5, atol=1e-5)
    assert spec.link == "clip:1:5"
    assert spec.raw_ids["item"][2] == "20"


@pytest.mark.parametrize("name", ["SVD", "NMF"])
def test_biased_and_unbiased(name):
    product = TENSORS["pu"] @ TENSORS["qi"].T
    biases = 3.25 + TENSORS["bu"][:, None] + TENSORS["bi"]
    np.testing.assert_allclose(scores(read(name, biased=True)), product + biases, rtol=1e-5, atol=1e-5)
    plain = build(read(name, biased=False))
    everyone = cases([[]] * USERS, users=range(USERS))
    assert plain.offset(everyone) is None
    np.testing.assert_allclose(plain.head.score(plain.represent(everyone)), product, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "training", "message"),
    [
        ("KNNBasic", {}, "Surprise model KNNBasic is not read yet"),
        ("SVDpp", {"rating_scale": (5, 1)}, "no usable `rating_scale`"),
        ("SVDpp", {"_global_mean": None}, "`_global_mean` of its Trainset is None"),
        ("SVDpp", {"ur": {0: [(1,)]}}, "ratings `ur` of its training set are damaged"),
        ("SVDpp", {"ur": {0: [(77, 3.0)]}}, "rates item row 77, but there are 5 items"),
    ],
)
def test_refusals(name, training, message):
    with pytest.raises(InputRefused, match=message):
        build(read(name, training, biased=True))


def test_never_fitted():
    algorithm = stub("surprise.prediction_algorithms.some.SVD", biased=True)
    with pytest.raises(InputRefused, match="never fitted"):
        tools.read_model(checkpoint({"predictions": None, "algo": algorithm}), tools.Hints())
