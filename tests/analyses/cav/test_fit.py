"""C is chosen as scikit-learn would, directions map back, labels mean what they say, folds are stratified."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from recaudit.analyses.cav.crossval import best_penalties, held_out_scores, stratified_folds
from recaudit.analyses.cav.directions import fitted, scaled, workbench
from recaudit.analyses.cav.labels import contrasted, labelled, matched, popularity_deciles
from recaudit.analyses.cav.settings import PENALTIES, Settings
from recaudit.analyses.cav.solver import Solver
from recaudit.errors import UsageError
from tests.analyses.cav.worlds import planted

KIND = np.array(["genre"] * 3, dtype=object)


def labels_of(y, **chosen):
    return labelled(y, KIND[: y.shape[1]], popularity_deciles(np.arange(len(y))), Settings(**chosen))


def balanced_model(c):
    return LogisticRegression(C=c, class_weight="balanced", tol=1e-8, max_iter=5000)


def test_the_penalty_of_least_balanced_log_loss_is_chosen():
    x, y = planted(strength=0.7)
    labels = labels_of(y)
    found = best_penalties(Solver(x), x, labels, PENALTIES, 5, seed=0)
    fold = stratified_folds(y, np.ones_like(y), 5, np.random.default_rng([0, 2]))
    for column in range(3):
        losses = []
        for c in PENALTIES:
            p = np.empty(len(x))
            for f in range(5):
                out = fold[:, column] == f
                p[out] = balanced_model(c).fit(x[~out], y[~out, column]).predict_proba(x[out])[:, 1]
            losses.append(
                log_loss(y[:, column], p, sample_weight=compute_sample_weight("balanced", y[:, column]))
            )
        assert found[column] == PENALTIES[int(np.argmin(losses))]


def test_held_out_scores_come_from_fits_that_did_not_see_the_item():
    x, y = planted()
    labels = labels_of(y)
    fold = stratified_folds(y, np.ones_like(y), 4, np.random.default_rng(0))
    scores, _ = held_out_scores(Solver(x), x, labels, fold, np.full(3, 0.1))
    for f in range(4):
        out = fold[:, 2] == f
        model = balanced_model(0.1).fit(x[~out], y[~out, 2])
        np.testing.assert_allclose(scores[out, 2], model.decision_function(x[out]), atol=1e-4)


def test_folds_are_stratified():
    _, y = planted()
    used = np.random.default_rng(0).random(y.shape) < 0.8
    fold = stratified_folds(y, used, 5, np.random.default_rng(0))
    assert ((fold == -1) == ~used).all()
    for column in range(3):
        for group in (y, ~y):
            counts = np.bincount(fold[group[:, column] & used[:, column], column], minlength=5)
            assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("scaling", ["raw", "standardise"])
def test_directions_map_back_to_the_scoring_space(scaling):
    x, y = planted()
    bench = workbench(x, labels_of(y), Settings(scaling=scaling))
    fits, solution = fitted(bench, labels_of(y), Settings(scaling=scaling))
    np.testing.assert_allclose(np.linalg.norm(fits.direction, axis=1), 1)
    again = x @ (fits.direction * fits.norm[:, None]).T + fits.intercept
    np.testing.assert_allclose(again, solution.scores(bench.x), atol=1e-8)


def test_centre_norm_keeps_the_direction_as_it_is():
    x, y = planted()
    found = scaled(x, "centre-norm")
    np.testing.assert_allclose(np.linalg.norm(found.x, axis=1), 1)
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(found.x, centred / np.linalg.norm(centred, axis=1, keepdims=True))
    fits, solution = fitted(workbench(x, labels_of(y), Settings()), labels_of(y), Settings())
    np.testing.assert_allclose(fits.direction * fits.norm[:, None], solution.coefficients.T)


def test_a_zero_vector_and_a_constant_coordinate_are_no_trouble():
    x, _ = planted()
    x[:, 0] = 3.0
    for how in ("standardise", "centre-norm"):
        assert np.isfinite(scaled(x, how).x).all()
    assert np.isfinite(scaled(np.zeros((4, 2)), "centre-norm").x).all()


def test_exclusive_leaves_out_items_of_several_concepts():
    y = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)
    labels = labels_of(y, multilabel="exclusive")
    np.testing.assert_array_equal(labels.positive[:, 0], [True, False, False, False])
    np.testing.assert_array_equal(labels.used[:, 0], [True, False, True, True])


def test_other_kinds_do_not_make_an_item_inexclusive():
    y = np.array([[1, 1]], bool)
    found = labelled(
        y, np.array(["genre", "decade"], object), np.zeros(1, np.int64), Settings(multilabel="exclusive")
    )
    assert found.positive.all()


def test_adjusted_holds_only_concepts_that_share_items():
    x, y = planted()
    y[:, 2] = ~y[:, 0]
    labels = labels_of(y, multilabel="adjusted")
    assert labels.covariates.shape == (240, 3)
    np.testing.assert_array_equal(labels.held[:, 0], [True, False, True])
    # What is fitted is a regression with those covariates, of which the CAV is the vectors' part.
    settings = Settings(multilabel="adjusted", scaling="raw")
    fits, _ = fitted(workbench(x, labels, settings), labels, settings)
    model = balanced_model(fits.penalty[0]).fit(np.column_stack([x, y[:, 1]]), y[:, 0])
    np.testing.assert_allclose(fits.direction[0] * fits.norm[0], model.coef_[0, :6], atol=1e-4)


def test_matched_negatives_are_as_popular_as_the_positives():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 1000, 2000)
    decile = popularity_deciles(counts)
    np.testing.assert_array_equal(np.bincount(decile), [200] * 10)
    positive = rng.random(2000) < np.where(decile > 6, 0.1, 0.01)
    kept = matched(positive, np.ones(2000, bool), decile, rng)
    assert kept[positive].all()
    up, down = (np.bincount(decile[kept & side], minlength=10) for side in (positive, ~positive))
    np.testing.assert_array_equal(down, up * (down.sum() // up.sum()))
    assert down.sum() > 3 * up.sum()


def test_a_contrast_uses_items_of_one_side_only():
    y = np.array([[1, 0], [1, 1], [0, 1], [0, 0]], bool)
    labels = contrasted(y, 0, 1)
    np.testing.assert_array_equal(labels.used[:, 0], [True, False, True, False])
    np.testing.assert_array_equal(labels.positive[labels.used], [True, False])


@pytest.mark.parametrize("flag", ["negatives", "multilabel", "scaling", "null"])
def test_settings_name_what_they_know(flag):
    with pytest.raises(UsageError, match=f"--{flag} cannot be made-up"):
        Settings(**{flag: "made-up"})
