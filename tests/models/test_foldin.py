"""Users solved from their histories, against scikit-learn's ridge and a weighted least-squares by hand."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from recaudit.errors import InputRefused, NoVerdictError
from recaudit.models import build
from tests.models.specs import cases, floats, spec

ITEMS, DIM = 20, 4
HISTORIES = [[3, 1, 4], [5, 9, 2, 6, 8], [7]]
RATINGS = [[5, 3, 4], [1, 2, 5, 4, 3], [2]]


def implicit(**settings):
    item = floats(ITEMS, DIM)
    gram = item.T @ item + 0.1 * np.eye(DIM, dtype=np.float32)
    return item, build(spec("implicit_fold_in", {"item": item, "gram": gram}, weight=40.0, **settings))


@pytest.mark.parametrize("use_ratings", [False, True])
def test_implicit_is_a_weighted_ridge_over_all_items(use_ratings):
    item, model = implicit(use_ratings=use_ratings)
    found = model.represent(cases(HISTORIES, RATINGS))
    for x, history, ratings in zip(found, HISTORIES, RATINGS, strict=True):
        confidence, preference = np.ones(ITEMS), np.zeros(ITEMS)
        confidence[history] += 40 * (np.array(ratings) if use_ratings else 1)
        preference[history] = 1
        ridge = Ridge(alpha=0.1, fit_intercept=False).fit(item, preference, sample_weight=confidence)
        np.testing.assert_allclose(x, ridge.coef_, rtol=1e-4, atol=1e-5)


def biased(damping=5.0):
    tensors = {"item": floats(ITEMS, DIM), "item_bias": floats(ITEMS, seed=1)}
    settings = {"constant": 3.5, "regularization": 0.1, "damping": damping}
    return tensors, build(spec("biased_fold_in", tensors, **settings))


def test_biased_is_a_ridge_on_what_biases_leave():
    tensors, model = biased()
    inputs = cases(HISTORIES, RATINGS)
    offsets = model.offset(inputs)
    for x, offset, history, ratings in zip(model.represent(inputs), offsets, HISTORIES, RATINGS, strict=True):
        residual = np.array(ratings) - 3.5 - tensors["item_bias"][history]
        user_bias = residual.sum() / (len(history) + 5)
        assert offset == pytest.approx(3.5 + user_bias, abs=1e-5)
        ridge = Ridge(alpha=0.1 * len(history), fit_intercept=False)
        ridge.fit(tensors["item"][history], residual - user_bias)
        np.testing.assert_allclose(x, ridge.coef_, rtol=1e-4, atol=1e-5)


def test_batches_change_nothing(monkeypatch):
    _, model = biased()
    inputs = cases(HISTORIES, RATINGS)
    whole = model.represent(inputs)
    monkeypatch.setattr("recaudit.models.foldin._BATCH", 2)
    np.testing.assert_array_equal(model.represent(inputs), whole)


def test_no_history_is_the_zero_vector():
    _, model = biased()
    empty = cases([[], [1]], [[], [4]])
    assert not model.represent(empty)[0].any()
    assert model.offset(empty)[0] == pytest.approx(3.5)
    assert not implicit(use_ratings=False)[1].represent(empty)[0].any()


@pytest.mark.parametrize("ratings", [None, [[5, np.nan, 4]]])
def test_ratings_are_needed(ratings):
    with pytest.raises(NoVerdictError, match="interactions without a rating"):
        biased()[1].represent(cases(HISTORIES[:1], ratings))


def test_gram_matrix_of_another_width():
    tensors = {"item": floats(ITEMS, DIM), "gram": floats(3, 3)}
    with pytest.raises(InputRefused, match=r"Gram matrix is \[3, 3\], but item vectors are 4 wide"):
        build(spec("implicit_fold_in", tensors, weight=40.0, use_ratings=False))


def test_damaged_regularisation():
    item = floats(ITEMS, DIM)
    model = build(
        spec(
            "implicit_fold_in",
            {"item": item, "gram": np.zeros((DIM, DIM), np.float32)},
            weight=0.0,
            use_ratings=False,
        )
    )
    with pytest.raises(InputRefused, match="has no solution"):
        model.represent(cases([[1]]))
