"""Fold-wise AUC, average precision and balanced accuracy are scikit-learn's, fold by fold."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score

from recaudit.metrics import heldout

FOLDS = 3


@pytest.fixture(params=[False, True], ids=["distinct", "tied"])
def columns(request):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, 4))
    if request.param:
        scores = np.round(scores)
    positive = rng.random((60, 4)) < 0.3
    fold = np.stack([rng.permutation(60) % FOLDS for _ in range(4)], axis=1)
    fold[::7] = -1
    return scores, positive, fold


def by_fold(columns, judged):
    scores, positive, fold = columns
    return [
        np.mean([judged(positive[fold[:, c] == f, c], scores[fold[:, c] == f, c]) for f in range(FOLDS)])
        for c in range(scores.shape[1])
    ]


def test_auc(columns):
    np.testing.assert_allclose(heldout.auc(*columns), by_fold(columns, roc_auc_score))


def test_quick_auc_where_nothing_ties():
    rng = np.random.default_rng(1)
    columns = (
        rng.normal(size=(50, 3)),
        rng.random((50, 3)) < 0.4,
        np.stack([rng.permutation(50) % 5 for _ in range(3)], 1),
    )
    np.testing.assert_allclose(heldout.quick_auc(*columns), heldout.auc(*columns))


def test_average_precision(columns):
    np.testing.assert_allclose(heldout.average_precision(*columns), by_fold(columns, average_precision_score))


def test_balanced_accuracy(columns):
    scores, positive, fold = columns
    expected = [
        balanced_accuracy_score(positive[fold[:, c] >= 0, c], scores[fold[:, c] >= 0, c] > 0)
        for c in range(4)
    ]
    np.testing.assert_allclose(heldout.balanced_accuracy(*columns), expected)


def test_weights_are_repeated_rows(columns):
    scores, positive, fold = (column[:, 0] for column in columns)
    counts = np.random.default_rng(2).integers(0, 4, len(scores))
    weighted = heldout.weighted_auc(scores, positive, fold, counts[:, None].astype(float), FOLDS)[:, 0]
    rows = np.repeat(np.arange(len(scores)), counts)
    expected = [roc_auc_score(positive[r], scores[r]) for f in range(FOLDS) for r in [rows[fold[rows] == f]]]
    np.testing.assert_allclose(weighted, expected)


def test_a_fold_without_positives_is_left_out():
    scores = np.array([[0.0], [1.0], [2.0], [3.0]])
    positive = np.array([[False], [True], [False], [False]])
    fold = np.array([[0], [0], [1], [1]])
    assert heldout.auc(scores, positive, fold) == [1.0]
    assert np.isnan(heldout.auc(scores, np.zeros_like(positive), fold)).all()
