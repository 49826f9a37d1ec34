"""Silhouettes are scikit-learn's; the Mantel correlation is Spearman's over pairs."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import silhouette_score

from recaudit.metrics import clusters


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2, 3], [10, 15, 5, 1])
    return rng.normal(size=(31, 4)) + label[:, None], label


def test_distances(labelled):
    np.testing.assert_allclose(clusters.distances(labelled[0]), squareform(pdist(labelled[0])), atol=1e-6)


def test_silhouette(labelled):
    x, label = labelled
    assert clusters.silhouette(clusters.distances(x), label) == pytest.approx(silhouette_score(x, label))


def test_eta_squared(labelled):
    x, label = labelled
    f = stats.f_oneway(*(x[label == k] for k in range(4)), axis=0).statistic
    between, within = 3, len(x) - 4
    np.testing.assert_allclose(clusters.eta_squared(x, label), f * between / (f * between + within))


def test_mantel(labelled):
    first = clusters.distances(labelled[0])
    second = clusters.distances(labelled[0] + np.random.default_rng(1).normal(size=labelled[0].shape))
    upper = np.triu_indices(len(first), 1)
    value, p = clusters.mantel(first, second)
    assert value == pytest.approx(stats.spearmanr(first[upper], second[upper]).statistic)
    assert p == 0.001
    _, unrelated = clusters.mantel(first, clusters.distances(np.random.default_rng(2).normal(size=(31, 3))))
    assert unrelated > 0.01
