import numpy as np
import pytest
from sklearn.metrics import r2_score

from recaudit.metrics.reconstruction import cosines, explained_variance, squared_errors

X = np.random.default_rng(0).normal(2, 3, size=(50, 7)).astype(np.float32)


def test_mean_predictor_explains_nothing_and_identity_everything():
    mean = np.broadcast_to(X.mean(axis=0, dtype=np.float64), X.shape)
    assert explained_variance(X, mean) == pytest.approx(0, abs=1e-12)
    assert explained_variance(X, X) == 1


def test_equals_variance_weighted_r2():
    guess = X + np.random.default_rng(1).normal(size=X.shape)
    assert explained_variance(X, guess) == pytest.approx(
        r2_score(X, guess, multioutput="variance_weighted"), abs=1e-6
    )


def test_nothing_to_explain_is_nan():
    assert np.isnan(explained_variance(np.ones((4, 2)), np.ones((4, 2))))
    assert np.isnan(explained_variance(np.ones((0, 2)), np.ones((0, 2))))


def test_rows():
    assert squared_errors(np.array([[1.0, 2.0]]), np.array([[0.0, 0.0]])).tolist() == [5]
    assert cosines(np.eye(2), np.array([[2.0, 0.0], [0.0, 0.0]])).tolist() == [1, 0]
