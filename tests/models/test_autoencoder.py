"""Mult-VAE, Mult-DAE and C-VAE against torch modules over dense rows."""

import numpy as np
import pytest
import torch

from recaudit.errors import InputRefused
from recaudit.models import build
from tests.models.random_models import histories, history_cases, random_tensors, spec

ITEMS, HIDDEN, LATENT, CONDITIONS = 20, 6, 3, 2
F = torch.nn.functional


def shapes(given, conditions=0):
    return {
        "encoder.0.weight": (HIDDEN, ITEMS + conditions),
        "encoder.0.bias": (HIDDEN,),
        "encoder.1.weight": (given, HIDDEN),
        "encoder.1.bias": (given,),
        "decoder.0.weight": (HIDDEN, LATENT),
        "decoder.0.bias": (HIDDEN,),
        "decoder.1.weight": (ITEMS, HIDDEN),
        "decoder.1.bias": (ITEMS,),
    }


def reference(tensors, known, conditions=None):
    w = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    rows = torch.zeros(len(known), ITEMS)
    for row, history in zip(rows, known, strict=True):
        row[history] = 1
    rows = F.normalize(rows)
    told = torch.zeros(len(known), w["encoder.0.weight"].shape[1] - ITEMS)
    for row, condition in zip(told, conditions if conditions is not None else [], strict=False):
        if condition >= 0:
            row[condition] = 1
    x = torch.tanh(F.linear(torch.cat([rows, told], 1), w["encoder.0.weight"], w["encoder.0.bias"]))
    x = F.linear(x, w["encoder.1.weight"], w["encoder.1.bias"])
    x = x[:, :LATENT] if x.shape[1] == 2 * LATENT else torch.tanh(x)
    x = torch.tanh(F.linear(x, w["decoder.0.weight"], w["decoder.0.bias"]))
    return F.linear(x, w["decoder.1.weight"], w["decoder.1.bias"]).numpy()


def scores(model, cases):
    return model.head.score(model.represent(cases))


@pytest.mark.parametrize("given", [2 * LATENT, LATENT], ids=["variational", "plain"])
def test_equals_torch_over_dense_rows(given, monkeypatch):
    monkeypatch.setattr("recaudit.models.autoencoder._BATCH", 7)
    tensors = random_tensors(shapes(given))
    model, known = build(spec("autoencoder", tensors)), histories(30, ITEMS, 9)
    assert (model.n_conditions, model.dim, model.n_items) == (0, HIDDEN, ITEMS)
    np.testing.assert_allclose(
        scores(model, history_cases(known)), reference(tensors, known), rtol=1e-5, atol=1e-5
    )


def test_a_condition_is_a_column_of_the_first_layer():
    tensors = random_tensors(shapes(2 * LATENT, CONDITIONS))
    model = build(spec("autoencoder", tensors, settings={"conditional": True}))
    known = histories(6, ITEMS, 9)
    assert model.n_conditions == CONDITIONS
    conditions = np.array([0, -1, 1, 1, -1, 0])
    np.testing.assert_allclose(
        scores(model, history_cases(known, conditions=conditions)),
        reference(tensors, known, conditions),
        rtol=1e-5,
        atol=1e-5,
    )
    np.testing.assert_allclose(
        scores(model, history_cases(known)), reference(tensors, known), rtol=1e-5, atol=1e-5
    )


def test_an_item_counts_once_and_an_empty_set_is_all_zeros():
    model = build(spec("autoencoder", random_tensors(shapes(2 * LATENT))))
    once, twice, empty = scores(model, history_cases([[3, 5], [3, 5, 3], []]))
    np.testing.assert_array_equal(once, twice)
    assert np.isfinite(empty).all()


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("encoder.0.weight", (HIDDEN, 15), "the encoder takes items 15, the decoder gives 20"),
        ("encoder.1.weight", (5, HIDDEN), r"encoder\.1\.weight has rows 5, encoder\.1\.bias has values 6"),
        ("decoder.0.weight", (HIDDEN, 4), "the encoder gives 6, the decoder takes 4"),
        ("decoder.1.weight", (ITEMS, 5), r"decoder\.0 gives 6, decoder\.1 takes 5"),
        ("encoder.1.weight", (6,), "a matrix was expected"),
    ],
)
def test_contradicting_shapes_are_named(name, shape, said):
    tensors = random_tensors(shapes(2 * LATENT)) | {name: np.zeros(shape, np.float32)}
    with pytest.raises(InputRefused, match=said):
        build(spec("autoencoder", tensors))
