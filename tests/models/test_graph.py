"""Graph models against the square matrix over users and items, written out densely."""

import numpy as np
import pytest

from recaudit.errors import InputRefused
from recaudit.models import Graph, build
from tests.models.random_models import random_tensors, spec, user_cases

USERS, ITEMS, DIM = 5, 7, 4
EDGES = [(1, 2), (1, 3), (2, 3), (3, 6), (3, 2), (3, 1), (1, 2)]  # one edge twice; rows without any
GRAPH = Graph(*np.array(EDGES).T)


def square():
    matrix = np.zeros((USERS + ITEMS, USERS + ITEMS))
    for user, item in EDGES:
        matrix[user, USERS + item] = matrix[USERS + item, user] = 1
    scale = (matrix.sum(1) + 1e-7) ** -0.5
    return scale[:, None] * matrix * scale


def score(model):
    return model.head.score(model.represent(user_cases(range(USERS))))


def test_lightgcn_is_the_mean_over_layers():
    tensors = random_tensors({"user": (USERS, DIM), "item": (ITEMS, DIM)})
    model = build(spec("lightgcn", tensors, settings={"layers": 2, "degree_guard": 1e-7}))
    assert model.needs_graph
    layers = [np.concatenate([tensors["user"], tensors["item"]])]
    for _ in range(2):
        layers.append(square() @ layers[-1])
    table = np.mean(layers, axis=0)
    propagated = model.with_graph(GRAPH)
    assert not propagated.needs_graph
    assert (propagated.n_users, propagated.n_items, propagated.dim) == (USERS, ITEMS, DIM)
    np.testing.assert_allclose(score(propagated), table[:USERS] @ table[USERS:].T, rtol=1e-5, atol=1e-5)


def test_tables_of_two_widths_are_refused():
    tensors = random_tensors({"user": (USERS, 4), "item": (ITEMS, 3)})
    with pytest.raises(InputRefused, match="the user table is wide 4, the item table 3"):
        build(spec("lightgcn", tensors, settings={"layers": 2, "degree_guard": 1e-7}))


def test_ngcf_puts_all_layers_side_by_side():
    widths = [DIM, 3, 2]
    shapes = {"user": (USERS, DIM), "item": (ITEMS, DIM)}
    for index in range(2):
        for kind in ("own", "pair"):
            shapes |= {
                f"{kind}.{index}.weight": (widths[index + 1], widths[index]),
                f"{kind}.{index}.bias": (widths[index + 1],),
            }
    w = random_tensors(shapes)
    model = build(spec("ngcf", w, settings={"degree_guard": 1e-7}))
    assert model.dim == sum(widths)
    x = np.concatenate([w["user"], w["item"]])
    layers = [x]
    for index in range(2):
        near = square() @ x
        x = (x + near) @ w[f"own.{index}.weight"].T + w[f"own.{index}.bias"]
        x = x + (near * layers[-1]) @ w[f"pair.{index}.weight"].T + w[f"pair.{index}.bias"]
        x = np.where(x > 0, x, 0.2 * x)
        x = x / np.linalg.norm(x, axis=1, keepdims=True)
        layers.append(x)
    table = np.concatenate(layers, axis=1)
    np.testing.assert_allclose(
        score(model.with_graph(GRAPH)), table[:USERS] @ table[USERS:].T, rtol=1e-5, atol=1e-5
    )
