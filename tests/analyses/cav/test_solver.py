"""The batched solver finds what scikit-learn finds, one problem at a time."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from recaudit.analyses.cav.solver import LOOSE, Problems, Solver, balanced
from tests.analyses.cav.worlds import planted


def theirs(x, y, c, weight=None):
    model = LogisticRegression(C=c, class_weight="balanced", tol=1e-10, max_iter=20_000)
    rows = np.ones(len(x), bool) if weight is None else weight > 0
    repeated = np.repeat(np.flatnonzero(rows), 1 if weight is None else weight[rows].astype(int))
    model.fit(x[repeated], y[repeated])
    return model.coef_[0], model.intercept_[0]


@pytest.mark.parametrize("c", [1e-3, 0.1, 1.0, 100.0])
def test_coefficients_are_scikit_learns(c):
    x, y = planted()
    found = Solver(x).solve(Problems(y, balanced(y, np.ones(y.shape)), np.full(y.shape[1], c)))
    for column in range(y.shape[1]):
        coefficients, intercept = theirs(x, y[:, column], c)
        np.testing.assert_allclose(found.coefficients[:, column], coefficients, atol=1e-4)
        assert found.intercept[column] == pytest.approx(intercept, abs=1e-4)


def test_separable_classes_and_badly_scaled_features():
    x, _ = planted()
    x = x * np.array([1, 1e-2, 1, 30, 1, 1])
    y = (x[:, [0]] > 0.5) & (x[:, [4]] > 0)
    found = Solver(x).solve(Problems(y, balanced(y, np.ones(y.shape)), np.array([100.0])))
    coefficients, intercept = theirs(x, y[:, 0], 100.0)
    np.testing.assert_allclose(found.coefficients[:, 0], coefficients, rtol=2e-3, atol=1e-3)
    assert found.intercept[0] == pytest.approx(intercept, rel=2e-3)


def test_counts_are_repeated_rows_and_zero_leaves_out():
    x, y = planted()
    counts = np.random.default_rng(0).integers(0, 3, y.shape).astype(float)
    found = Solver(x).solve(Problems(y, balanced(y, counts), np.ones(y.shape[1])))
    for column in range(y.shape[1]):
        np.testing.assert_allclose(
            found.coefficients[:, column], theirs(x, y[:, column], 1.0, counts[:, column])[0], atol=1e-4
        )


def test_held_features_stay_at_zero():
    x, y = planted()
    fixed = np.zeros((6, 3), bool)
    fixed[5, 1] = True
    found = Solver(x, 5).solve(Problems(y, balanced(y, np.ones(y.shape)), np.ones(3), fixed))
    assert found.coefficients[5, 1] == 0
    np.testing.assert_allclose(found.coefficients[:5, 1], theirs(x[:, :5], y[:, 1], 1.0)[0], atol=1e-4)
    np.testing.assert_allclose(found.coefficients[:, 0], theirs(x, y[:, 0], 1.0)[0], atol=1e-4)
    with pytest.raises(ValueError, match="rotated"):
        Solver(x).solve(Problems(y, balanced(y, np.ones(y.shape)), np.ones(3), fixed))


def test_chunks_and_starts_change_nothing(monkeypatch):
    x, y = planted()
    y = np.tile(y, 5)
    problems = Problems(y, balanced(y, np.ones(y.shape)), np.geomspace(0.01, 10, 15))
    whole = Solver(x).solve(problems)
    monkeypatch.setattr("recaudit.analyses.cav.solver._CELLS", len(x) * 2)
    again = Solver(x).solve(problems, start=whole)
    np.testing.assert_allclose(again.coefficients, whole.coefficients, atol=1e-7)


def test_single_precision_gives_the_direction():
    x, y = planted()
    problems = Problems(y, balanced(y, np.ones(y.shape)), np.ones(3))
    exact = Solver(x).solve(problems).coefficients
    quick = Solver(x, single=True).solve(problems, tolerance=LOOSE).coefficients
    cosine = (exact * quick).sum(axis=0) / np.linalg.norm(exact, axis=0) / np.linalg.norm(quick, axis=0)
    assert (cosine > 0.9999).all()
