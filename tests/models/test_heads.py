"""Heads against loops over single pairs, whole and cut to some items."""

import numpy as np
import pytest

from recaudit.models import heads
from recaudit.models.heads import HEADS, MaxInterestHead, MlpHead, SigmoidMlpHead, restricted
from tests.models.random_models import random_tensors

ITEMS, CASES, MF, USER, ITEM = 11, 5, 3, 4, 2
TENSORS = random_tensors(
    {
        "layers.0.weight": (6, USER + ITEM),
        "layers.0.bias": (6,),
        "layers.1.weight": (4, 6),
        "layers.1.bias": (4,),
        "out.weight": (1, MF + 4),
        "out.bias": (1,),
    }
)
PARTS = random_tensors({"x": (CASES, MF + USER), "v": (ITEMS, MF + ITEM), "bias": (ITEMS,)}, seed=1)


def pair_score(x, v):
    hidden = np.concatenate([x[MF:], v[MF:]])
    for layer in range(2):
        hidden = np.maximum(TENSORS[f"layers.{layer}.weight"] @ hidden + TENSORS[f"layers.{layer}.bias"], 0)
    joined = np.concatenate([x[:MF] * v[:MF], hidden])
    return TENSORS["out.weight"][0] @ joined + TENSORS["out.bias"][0]


@pytest.mark.parametrize("pairs", [1, 12, 1 << 16])
def test_mlp_pair_by_pair(pairs, monkeypatch):
    monkeypatch.setattr(heads, "_PAIRS_AT_ONCE", pairs)
    expected = np.array([[pair_score(x, v) for v in PARTS["v"]] for x in PARTS["x"]])
    head = MlpHead(PARTS["v"], TENSORS)
    np.testing.assert_allclose(head.score(PARTS["x"]), expected, rtol=1e-5, atol=1e-5)
    assert head.score(PARTS["x"]).dtype == np.float32
    biased = SigmoidMlpHead(PARTS["v"], TENSORS, PARTS["bias"])
    np.testing.assert_allclose(
        biased.score(PARTS["x"]), 1 / (1 + np.exp(-expected)) + PARTS["bias"], rtol=1e-5, atol=1e-5
    )


def test_max_interest_takes_the_best_of_k():
    x, v = random_tensors({"x": (CASES, 3 * 4), "v": (ITEMS, 4)}).values()
    expected = [[max(x_k @ item for x_k in row.reshape(3, 4)) for item in v] for row in x]
    np.testing.assert_allclose(MaxInterestHead(v).score(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("head", "width"),
    [
        (MlpHead(PARTS["v"], TENSORS, PARTS["bias"]), MF + USER),
        (SigmoidMlpHead(PARTS["v"], TENSORS, PARTS["bias"]), MF + USER),
        (MaxInterestHead(PARTS["v"]), 2 * (MF + ITEM)),
    ],
)
def test_rebuilt_from_what_is_stored_and_cut_to_some_items(head, width):
    x = random_tensors({"x": (CASES, width)}, seed=2)["x"]
    rows = np.array([7, 0, 3])
    again = HEADS[head.kind](head.vectors, head.bias, head.tensors)
    assert type(again) is type(head)
    np.testing.assert_array_equal(again.score(x), head.score(x))
    np.testing.assert_allclose(restricted(head, rows).score(x), head.score(x)[:, rows], atol=1e-6)
    assert head.score(x[:0]).shape == (0, ITEMS)
