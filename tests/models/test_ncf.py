"""NeuMF and NCF against torch modules put together as their authors did."""

import numpy as np
import pytest
import torch

from recaudit.errors import InputRefused
from recaudit.models import build
from recaudit.models.heads import linked
from tests.models.random_models import random_tensors, spec, user_cases

USERS, ITEMS, MF, MLP = 6, 9, 3, 4
SHAPES = {
    "user_mf": (USERS, MF),
    "item_mf": (ITEMS, MF),
    "user_mlp": (USERS, MLP),
    "item_mlp": (ITEMS, MLP),
    "layers.0.weight": (5, 2 * MLP),
    "layers.0.bias": (5,),
    "layers.1.weight": (2, 5),
    "layers.1.bias": (2,),
    "out.weight": (1, MF + 2),
    "out.bias": (1,),
}
TENSORS = random_tensors(SHAPES)


def neumf(user, item):
    w = {name: torch.from_numpy(tensor) for name, tensor in TENSORS.items()}
    hidden = torch.cat([w["user_mlp"][user], w["item_mlp"][item]])
    for layer in range(2):
        hidden = torch.relu(
            torch.nn.functional.linear(hidden, w[f"layers.{layer}.weight"], w[f"layers.{layer}.bias"])
        )
    joined = torch.cat([w["user_mf"][user] * w["item_mf"][item], hidden])
    return torch.nn.functional.linear(joined, w["out.weight"], w["out.bias"]).item()


def test_neumf_pair_by_pair():
    model = build(spec("ncf", TENSORS, link="sigmoid"))
    users = [4, 0, 4]
    expected = [[neumf(user, item) for item in range(ITEMS)] for user in users]
    scores = model.head.score(model.represent(user_cases(users)))
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(linked(model.link, scores), torch.sigmoid(torch.tensor(expected)), atol=1e-5)


def test_product_alone_is_a_weighted_inner_product():
    tensors = {name: TENSORS[name] for name in ("user_mf", "item_mf", "out.bias")}
    model = build(spec("ncf", tensors | {"out.weight": TENSORS["out.weight"][:, :MF]}))
    assert model.head.kind == "dot"
    expected = (TENSORS["user_mf"] * TENSORS["out.weight"][0, :MF]) @ TENSORS["item_mf"].T + TENSORS[
        "out.bias"
    ]
    np.testing.assert_allclose(
        model.head.score(model.represent(user_cases(range(USERS)))), expected, rtol=1e-5
    )


def test_biases_after_the_sigmoid():
    mlp = {name: tensor for name, tensor in TENSORS.items() if "mf" not in name}
    mlp["out.weight"] = TENSORS["out.weight"][:, MF:]
    biases = random_tensors({"user_bias": (USERS, 1), "item_bias": (ITEMS, 1)}, seed=3)
    plain, biased = build(spec("ncf", mlp)), build(spec("ncf", mlp | biases))
    cases = user_cases(range(USERS))
    inside = plain.head.score(plain.represent(cases))
    shown = biased.head.score(biased.represent(cases)) + biased.offset(cases)[:, None]
    expected = torch.sigmoid(torch.from_numpy(inside)).numpy() + biases["user_bias"] + biases["item_bias"].T
    np.testing.assert_allclose(shown, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("layers.0.weight", (5, 7), "user and item are together wide 8, the first layer takes 7"),
        ("layers.1.weight", (2, 4), r"layers\.0 gives 5, layers\.1 takes 4"),
        ("out.weight", (1, 4), "product and last layer are together wide 5, the output takes 4"),
        ("item_mf", (ITEMS, 2), "the users' product part is wide 3, the items' 2"),
        ("user_mlp", (7, MLP), "one user table has rows 6, the other 7"),
    ],
)
def test_contradicting_shapes_are_named(name, shape, said):
    with pytest.raises(InputRefused, match=said):
        build(spec("ncf", TENSORS | {name: np.zeros(shape, np.float32)}))
