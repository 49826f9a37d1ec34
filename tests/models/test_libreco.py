"""LibRecommender: what lies beside the weights, and NCF one pair at a time."""

import json

import numpy as np
import pytest

from recaudit.checkpoints import tools
from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.specs import cases, checkpoint, floats

USERS, ITEMS, DIM = 3, 5, 4


def read(folder, tree, parameters, name="m.npz"):
    given = {"task": "ranking", "embed_size": DIM, **parameters}
    (folder / "m_hyper_parameters.json").write_text(json.dumps(given))
    return tools.read_model(checkpoint(tree, name, "npz", folder), tools.Hints())


def inference(extra_user=(), extra_item=()):
    user, item = floats(USERS + 1, DIM), floats(ITEMS + 1, DIM, seed=1)
    return {
        "user_embed": np.column_stack([user, *extra_user]),
        "item_embed": np.column_stack([item, *extra_item]),
    }


def scores(spec, users=USERS):
    model, everyone = build(spec), cases([[]] * users, users=range(users))
    offset = model.offset(everyone)
    plain = model.head.score(model.represent(everyone))
    return plain if offset is None else plain + offset[:, None]


def test_both_bias_columns_are_split_off(tmp_path):
    ones = np.ones(USERS + 1, np.float32), np.ones(ITEMS + 1, np.float32)
    tree = inference(
        (floats(USERS + 1, seed=2), ones[0]),
        (ones[1], floats(ITEMS + 1, seed=3)),
    )
    spec = read(tmp_path, tree, {})
    assert spec.link == "sigmoid"
    assert spec.padding == {"user": (USERS,), "item": (ITEMS,)}
    assert build(spec).dim == DIM
    expected = tree["user_embed"][:USERS] @ tree["item_embed"].T
    np.testing.assert_allclose(scores(spec), expected, rtol=1e-4, atol=1e-5)


def test_finished_tables_without_biases(tmp_path):
    assert read(tmp_path, inference(), {}).tensors.keys() == {"user", "item"}


def test_ratings_are_clipped_to_the_data(tmp_path):
    rows = np.array([["1", "2", 4.0], ["1", "3", 2.0]], dtype=object)
    np.savez(tmp_path / "m_data_info.npz", interaction_data=rows)
    assert read(tmp_path, inference(), {"task": "rating"}).link == "clip:2.0:4.0"
    given = {"task": "rating", "lower_upper_bound": [1, 5]}
    assert read(tmp_path, inference(), given).link == "clip:1:5"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"embed_size": DIM - 3}, "4 wide and its hyper-parameters say 1 factors"),
        ({"embed_size": None}, "no usable `embed_size`"),
        ({"task": "guessing"}, "task is guessing"),
        ({"task": "rating"}, "range of its ratings is not known"),
    ],
)
def test_refusals(tmp_path, parameters, message):
    with pytest.raises(InputRefused, match=message):
        read(tmp_path, inference(), parameters)


def test_hyper_parameters_are_needed(tmp_path):
    with pytest.raises(InputRefused, match=r"m_hyper_parameters\.json is not beside it"):
        tools.read_model(checkpoint(inference(), "m.npz", "npz", tmp_path), tools.Hints())


def variables(sizes, normalised):
    """NCF's variables with random values, optimiser slots included."""
    tree = {
        "embedding/user_embeds_var:0": floats(USERS + 1, DIM),
        "embedding/item_embeds_var:0": floats(ITEMS + 1, DIM, seed=1),
        "embedding/item_embeds_var/Adam:0": floats(ITEMS + 1, DIM),
        "beta1_power:0": np.array(0.5, np.float32),
        "dense/kernel:0": floats(DIM + sizes[-1], 1, seed=2),
        "dense/bias:0": floats(1, seed=3),
    }
    width = 2 * DIM
    for place, size in enumerate(sizes):
        name = f"mlp/batch_normalization{f'_{place}' if place else ''}"
        if normalised:
            for seed, part in enumerate(("gamma", "beta", "moving_mean")):
                tree[f"{name}/{part}:0"] = floats(width, seed=10 * place + seed)
            tree[f"{name}/moving_variance:0"] = np.abs(floats(width, seed=10 * place + 4))
        tree[f"mlp/mlp_layer{place + 1}/kernel:0"] = floats(width, size, seed=10 * place + 5)
        tree[f"mlp/mlp_layer{place + 1}/bias:0"] = floats(size, seed=10 * place + 6)
        width = size
    return tree


def ncf_score(tree, user, item, layers):
    u, i = tree["embedding/user_embeds_var:0"][user], tree["embedding/item_embeds_var:0"][item]
    x = np.concatenate([u, i])
    for place in range(layers):
        name = f"mlp/batch_normalization{f'_{place}' if place else ''}"
        if f"{name}/gamma:0" in tree:
            gamma, beta, mean, variance = (
                tree[f"{name}/{part}:0"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        x = x @ tree[f"mlp/mlp_layer{place + 1}/kernel:0"] + tree[f"mlp/mlp_layer{place + 1}/bias:0"]
        if place < layers - 1:
            x = np.maximum(x, 0)
    return float(np.concatenate([u * i, x]) @ tree["dense/kernel:0"][:, 0] + tree["dense/bias:0"][0])


@pytest.mark.parametrize("normalised", [False, True])
def test_ncf_one_pair_at_a_time(tmp_path, normalised):
    tree = variables((6, 5, 3), normalised)
    spec = read(tmp_path, tree, {}, "m_tf_variables.npz")
    assert spec.architecture == "NCF"
    found = scores(spec)
    for user, item in np.ndindex(USERS, ITEMS + 1):
        assert found[user, item] == pytest.approx(ncf_score(tree, user, item, 3), rel=1e-4, abs=1e-4)


def test_ncf_with_a_layer_missing(tmp_path):
    tree = variables((6, 5, 3), normalised=True)
    for part in ("kernel", "bias"):
        del tree[f"mlp/mlp_layer2/{part}:0"]
    with pytest.raises(InputRefused, match="its NCF cannot be put together"):
        read(tmp_path, tree, {}, "m_tf_variables.npz")


def test_variables_of_another_model(tmp_path):
    tree = variables((6, 3), normalised=False) | {"attention/kernel:0": floats(4, 4)}
    with pytest.raises(InputRefused, match="no known tool writes a recommender like this"):
        read(tmp_path, tree, {}, "m_tf_variables.npz")


def test_normalised_vectors_are_not_read(tmp_path):
    tree = {
        "embedding/bu_var:0": floats(USERS),
        "embedding/bi_var:0": floats(ITEMS),
        "embedding/pu_var:0": floats(USERS, DIM),
        "embedding/qi_var:0": floats(ITEMS, DIM),
    }
    assert read(tmp_path, tree, {}, "m_tf_variables.npz").architecture == "SVD"
    with pytest.raises(InputRefused, match="norm_embed"):
        read(tmp_path, tree, {"norm_embed": True}, "m_tf_variables.npz")
