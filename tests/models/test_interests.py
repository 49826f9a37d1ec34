"""ComiRec and TiMiRec against loops over interests and places."""

import numpy as np
import pytest
import torch

from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.random_models import histories, history_cases, random_tensors, spec

ITEMS, DIM, ATTENTION, K, LENGTH = 20, 4, 5, 3, 6
SHAPES = {
    "item": (ITEMS, DIM),
    "position": (LENGTH + 1, DIM),
    "W1.weight": (ATTENTION, DIM),
    "W1.bias": (ATTENTION,),
    "W2.weight": (K, ATTENTION),
    "W2.bias": (K,),
}
PREDICTOR = {
    "predictor.item": (ITEMS + 1, DIM),
    "predictor.gru.weight_ih_l0": (3 * DIM, DIM),
    "predictor.gru.weight_hh_l0": (3 * DIM, DIM),
    "predictor.gru.bias_ih_l0": (3 * DIM,),
    "predictor.gru.bias_hh_l0": (3 * DIM,),
    "proj.0.weight": (DIM, DIM),
    "proj.0.bias": (DIM,),
    "proj.1.weight": (K, DIM),
    "proj.1.bias": (K,),
}
SETTINGS = {"history_length": LENGTH, "pools": "items"}


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def interests(w, history, pools, block=None):
    kept = history[-LENGTH:]
    inputs = np.stack([w["item"][row] + w["position"][len(kept) - t] for t, row in enumerate(kept)])
    if block is not None:
        inputs = block(torch.from_numpy(inputs)[None])[0].detach().numpy()
    pooled = w["item"][kept] if pools == "items" else inputs
    logits = [w["W2.weight"] @ np.tanh(w["W1.weight"] @ h + w["W1.bias"]) + w["W2.bias"] for h in inputs]
    return np.stack([softmax(np.array([place[k] for place in logits])) @ pooled for k in range(K)])


def torch_block():
    """A block of torch's own with the identity behind attention, and its tensors under our names."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(DIM, 1, dim_feedforward=DIM, dropout=0, batch_first=True).eval()
    attention = layer.self_attn
    torch.nn.init.normal_(attention.in_proj_bias)
    attention.out_proj.weight.data = torch.eye(DIM)
    parts = {"linear1": layer.linear1, "linear2": layer.linear2, "norm1": layer.norm1, "norm2": layer.norm2}
    tensors = {f"block.{n}.{k}": getattr(part, k) for n, part in parts.items() for k in ("weight", "bias")}
    stacked = attention.in_proj_weight.chunk(3), attention.in_proj_bias.chunk(3)
    for name, weight, bias in zip(("query", "key", "value"), *stacked, strict=True):
        tensors |= {f"block.{name}.weight": weight, f"block.{name}.bias": bias}
    return layer, tensors


def test_comirec_averages_items_and_takes_the_best_interest():
    w = random_tensors(SHAPES)
    model, known = build(spec("comirec", w, settings=SETTINGS)), histories(30, ITEMS, 9)
    x = model.represent(history_cases(known))
    expected = np.stack([interests(w, history, "items") for history in known])
    np.testing.assert_allclose(x.reshape(expected.shape), expected, atol=1e-5)
    best = (expected @ w["item"].T).max(axis=1)
    np.testing.assert_allclose(model.head.score(x), best, rtol=1e-5, atol=1e-5)


def test_without_positions_order_does_not_matter():
    w = {name: tensor for name, tensor in random_tensors(SHAPES).items() if name != "position"}
    model = build(spec("comirec", w, settings=SETTINGS))
    forward, backward = model.represent(history_cases([[3, 5, 9], [9, 5, 3]]))
    np.testing.assert_allclose(forward, backward, atol=1e-6)


def test_timirec_mixes_interests_by_what_it_expects():
    w = random_tensors(SHAPES | PREDICTOR)
    block, block_tensors = torch_block()
    model = build(spec("timirec", w | block_tensors, settings=SETTINGS | {"pools": "inputs"}))
    gru = torch.nn.GRU(DIM, DIM, batch_first=True)
    gru.load_state_dict(
        {n.removeprefix("predictor.gru."): torch.from_numpy(t) for n, t in w.items() if "gru" in n}
    )
    known, expected = histories(30, ITEMS, 9), []
    for history in known:
        last = gru(torch.from_numpy(w["predictor.item"][history[-LENGTH:]])[None])[1][0, 0].detach().numpy()
        hidden = np.maximum(w["proj.0.weight"] @ last + w["proj.0.bias"], 0)
        share = softmax(w["proj.1.weight"] @ hidden + w["proj.1.bias"])
        expected.append(share @ interests(w, history, "inputs", block))
    np.testing.assert_allclose(model.represent(history_cases(known)), np.stack(expected), atol=1e-5)


def test_a_history_longer_than_the_positions_is_refused():
    with pytest.raises(InputRefused, match="a history of 7 items has no place in 7 rows") as refused:
        build(spec("comirec", random_tensors(SHAPES), settings=SETTINGS | {"history_length": 7}))
    assert "--history-length of at most 6" in refused.value.fix


def test_contradicting_shapes_are_named():
    wrong = random_tensors(SHAPES) | {"W2.weight": np.zeros((K, 2), np.float32)}
    with pytest.raises(InputRefused, match="W1 gives 5, W2 takes 2"):
        build(spec("comirec", wrong, settings=SETTINGS))
