"""CDAE, DMF, SimpleX and a finished score table against dense rows, one case at a time."""

import numpy as np
import pytest

from recaudit.errors import InputRefused
from recaudit.models import Graph, build
from tests.models.random_models import histories, history_cases, random_tensors, spec, user_cases

USERS, ITEMS, DIM = 8, 20, 4
KNOWN = histories(USERS, ITEMS, 9)
CASES = history_cases(KNOWN, users=range(USERS))


def dense(history):
    row = np.zeros(ITEMS)
    row[history] = 1
    return row


def scores(model, cases=CASES):
    return model.head.score(model.represent(cases))


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize(
    ("name", "activation"), [("relu", relu), ("tanh", np.tanh), ("sigmoid", lambda x: 1 / (1 + np.exp(-x)))]
)
def test_cdae(name, activation):
    w = random_tensors(
        {
            "user": (USERS, DIM),
            "hidden.weight": (DIM, ITEMS),
            "hidden.bias": (DIM,),
            "out.weight": (ITEMS, DIM),
            "out.bias": (ITEMS,),
        }
    )
    expected = [
        w["out.weight"] @ activation(w["hidden.weight"] @ dense(history) + w["hidden.bias"] + own)
        + w["out.bias"]
        for history, own in zip(KNOWN, w["user"], strict=True)
    ]
    model = build(spec("cdae", w, settings={"activation": name}))
    np.testing.assert_allclose(scores(model), expected, rtol=1e-5, atol=1e-5)


DMF = random_tensors(
    {
        "user_input": (5, ITEMS),
        "user.0.weight": (DIM, 5),
        "user.0.bias": (DIM,),
        "item_input": (6, USERS),
        "item_tower.0.weight": (DIM, 6),
        "item_tower.0.bias": (DIM,),
    }
)


def dmf_user(row):
    return relu(DMF["user.0.weight"] @ (DMF["user_input"] @ row) + DMF["user.0.bias"])


def dmf_items():
    matrix = np.stack([dense(history) for history in KNOWN])
    return relu(matrix.T @ DMF["item_input"].T @ DMF["item_tower.0.weight"].T + DMF["item_tower.0.bias"])


def test_dmf_builds_its_items_from_the_graph():
    model = build(spec("dmf", DMF, settings={"values": "01"}))
    assert model.needs_graph
    assert model.n_items == ITEMS
    users = np.repeat(np.arange(USERS), [len(history) for history in KNOWN])
    expected = np.stack([dmf_user(dense(history)) for history in KNOWN]) @ dmf_items().T
    finished = model.with_graph(Graph(users, np.concatenate(KNOWN)))
    assert not finished.needs_graph
    np.testing.assert_allclose(scores(finished), expected, rtol=1e-4, atol=1e-4)


def test_dmf_over_ratings_takes_the_later_of_two():
    tensors = {name: tensor for name, tensor in DMF.items() if not name.startswith("item")}
    tensors["item"] = dmf_items().astype(np.float32)
    model = build(spec("dmf", tensors, settings={"values": "rating"}))
    cases = history_cases([[3, 7, 3], [2]], ratings=np.array([5, 4, 1, 2], np.float32))
    rows = np.zeros((2, ITEMS))
    rows[0, [3, 7]], rows[1, 2] = [1, 4], 2
    expected = np.stack([dmf_user(row) for row in rows]) @ dmf_items().T
    np.testing.assert_allclose(scores(model, cases), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(InputRefused, match="reads a user's ratings"):
        model.represent(history_cases([[3]]))


SIMPLEX = random_tensors(
    {
        "user": (USERS, DIM),
        "item": (ITEMS, DIM),
        "map": (DIM, DIM),
        "key.weight": (DIM, DIM),
        "key.bias": (DIM,),
        "query": (1, DIM),
    }
)


@pytest.mark.parametrize("aggregator", ["mean", "user_attention", "self_attention"])
def test_simplex(aggregator):
    settings = {"own_share": 0.3, "aggregator": aggregator, "longest_history": 9}
    w, expected = SIMPLEX, []
    for user, history in enumerate(KNOWN):
        items = w["item"][history]
        keys = np.tanh(items @ w["key.weight"].T + w["key.bias"])
        question = {"user_attention": w["user"][user], "self_attention": w["query"][0]}.get(aggregator)
        weight = np.ones(len(items)) if question is None else np.exp(keys @ question)
        mixed = 0.3 * w["user"][user] + 0.7 * w["map"] @ (weight @ items / weight.sum())
        cosine = w["item"] @ mixed / np.linalg.norm(w["item"], axis=1) / np.linalg.norm(mixed)
        expected.append(cosine)
    np.testing.assert_allclose(
        scores(build(spec("simplex", SIMPLEX, settings=settings))), expected, atol=1e-5
    )


def test_simplex_refuses_histories_recbole_cut_at_random():
    settings = {"own_share": 0.3, "aggregator": "mean", "longest_history": 5}
    long = sum(len(history) > 5 for history in KNOWN)
    assert long
    with pytest.raises(InputRefused, match=f"{long} histories are longer than the 5 items"):
        build(spec("simplex", SIMPLEX, settings=settings)).represent(CASES)


def test_a_score_table_is_passed_on():
    table = random_tensors({"scores": (USERS, ITEMS)})
    model = build(spec("score_table", table))
    np.testing.assert_array_equal(scores(model, user_cases([3, 0])), table["scores"][[3, 0]])
