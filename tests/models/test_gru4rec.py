"""GRU4Rec against the gate equations, one step and one case at a time."""

import numpy as np
import pytest

from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.random_models import histories, history_cases, random_tensors, spec

ITEMS, DIM, HIDDEN, LENGTH = 20, 4, 3, 6


def shapes(layers, biases):
    found = {"item": (ITEMS, DIM), "dense.weight": (DIM, HIDDEN), "dense.bias": (DIM,)}
    for layer in range(layers):
        found[f"gru.weight_ih_l{layer}"] = (3 * HIDDEN, HIDDEN if layer else DIM)
        found[f"gru.weight_hh_l{layer}"] = (3 * HIDDEN, HIDDEN)
        if biases:
            found[f"gru.bias_ih_l{layer}"] = found[f"gru.bias_hh_l{layer}"] = (3 * HIDDEN,)
    return found


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(w, history, layers):
    inputs = [w["item"][row].astype(np.float64) for row in history[-LENGTH:]]
    for layer in range(layers):
        state, outputs = np.zeros(HIDDEN), []
        zero = np.zeros(3 * HIDDEN)
        for x in inputs:
            from_x = w[f"gru.weight_ih_l{layer}"] @ x + w.get(f"gru.bias_ih_l{layer}", zero)
            from_h = w[f"gru.weight_hh_l{layer}"] @ state + w.get(f"gru.bias_hh_l{layer}", zero)
            reset, update = sigmoid(from_x + from_h)[: 2 * HIDDEN].reshape(2, HIDDEN)
            new = np.tanh(from_x[2 * HIDDEN :] + reset * from_h[2 * HIDDEN :])
            state = (1 - update) * new + update * state
            outputs.append(state)
        inputs = outputs
    return w["dense.weight"] @ inputs[-1] + w["dense.bias"]


@pytest.mark.parametrize(("layers", "biases"), [(1, False), (1, True), (2, True)])
def test_equals_the_gates_one_step_at_a_time(layers, biases):
    tensors = random_tensors(shapes(layers, biases))
    model = build(spec("gru4rec", tensors, settings={"history_length": LENGTH}))
    known = histories(30, ITEMS, 9)
    expected = np.stack([reference(tensors, history, layers) for history in known])
    np.testing.assert_allclose(model.represent(history_cases(known)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("item", (ITEMS, 5), "the item table is wide 5, the recurrent layer takes 4"),
        (
            "gru.weight_ih_l0",
            (7, DIM),
            r"weight_ih_l0 is \[7, 4\], a recurrent layer from 4 to 3 has \[9, 4\]",
        ),
        ("dense.weight", (DIM, 2), "the recurrent layer gives 3, the dense layer takes 2"),
    ],
)
def test_contradicting_shapes_are_named(name, shape, said):
    tensors = random_tensors(shapes(1, True)) | {name: np.zeros(shape, np.float32)}
    with pytest.raises(InputRefused, match=said):
        build(spec("gru4rec", tensors, settings={"history_length": LENGTH}))
