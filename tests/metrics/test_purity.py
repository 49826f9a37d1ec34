import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import entropy, false_discovery_control, hypergeom, mannwhitneyu
from sklearn.metrics import silhouette_samples

from recaudit.metrics.association import auc
from recaudit.metrics.ordering import ordered
from recaudit.metrics.purity import concentration, purity, strongest
from recaudit.metrics.selectivity import mean_by_concept, rank_sum_p
from recaudit.metrics.silhouette import silhouettes


def test_strongest_breaks_ties_low_and_leaves_a_constant_column_empty():
    scores = np.array([[1.0, 3.0], [1.0, 3.0], [0.0, 3.0], [2.0, 3.0]])
    assert strongest(scores, 2).T.tolist() == [[True, False, False, True], [False] * 4]


@given(st.integers(3, 40), st.integers(0, 1 << 30))
def test_purity_by_hand(n, seed):
    rng = np.random.default_rng(seed)
    labels = rng.random((n, 4)) < rng.random(4)
    top = strongest(rng.random((n, 5)) * (rng.random((n, 5)) < 0.5), 6)
    found = purity(top, csr_array(labels.astype(float)))
    tests = {}
    for j in range(5):
        for c in range(4):
            if top[:, j].any():
                both = (top[:, j] & labels[:, c]).sum()
                tests[j, c] = hypergeom.sf(both - 1, n, labels[:, c].sum(), top[:, j].sum())
    q = (
        dict(zip(tests, false_discovery_control(np.clip(list(tests.values()), 0, 1)), strict=True))
        if tests
        else {}
    )
    for j in range(5):
        if not top[:, j].any():
            assert found.concept[j] == -1
            assert np.isnan(found.share[j])
            continue
        shares = labels[top[:, j]].mean(axis=0)
        c = found.concept[j]
        assert shares[c] == shares.max() == found.share[j]
        most = np.flatnonzero(shares == shares.max())
        assert labels[:, c].sum() == labels[:, most].sum(axis=0).min()
        assert found.base[j] == pytest.approx(labels[:, c].mean())
        assert found.p[j] == pytest.approx(tests[j, c], rel=1e-9)
        assert found.q[j] == pytest.approx(q[j, c], rel=1e-9)


def test_concentration_is_one_minus_normalised_entropy():
    group = np.repeat([0, 1, 2, 3], 25)
    top = np.zeros((100, 3), dtype=bool)
    top[:20, 0] = True
    top[[0, 1, 25, 26, 50, 51, 75, 76], 1] = True
    found = concentration(top, group, seed=0)
    assert found.counts.tolist() == [[20, 0, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0]]
    np.testing.assert_allclose(found.value, [1, 0, np.nan], atol=1e-12)
    assert found.p[0] == pytest.approx(1 / 1001)
    assert found.p[1] == 1
    assert np.isnan(found.p[2])
    mixed = concentration(np.arange(100)[:, None] < 40, group, seed=0)
    assert mixed.value[0] == pytest.approx(1 - entropy([25, 15]) / np.log(4))


def test_random_sets_of_an_uneven_catalogue_are_not_surprising():
    rng = np.random.default_rng(1)
    group = rng.choice(6, 2000, p=[0.02, 0.03, 0.05, 0.1, 0.2, 0.6])
    top = np.zeros((2000, 300), dtype=bool)
    for j in range(300):
        top[rng.choice(2000, 50, replace=False), j] = True
    found = concentration(top, group, seed=0)
    assert 0.02 < (found.p < 0.05).mean() < 0.09
    assert found.value.mean() == pytest.approx(found.expected[0], abs=0.01)
    assert found.value.mean() > 0.2  # though nothing about these sets is temporal


def test_unknown_groups_take_no_part():
    group = np.array([0, 0, 1, -1, -1])
    found = concentration(np.ones((5, 1), dtype=bool), group, seed=0)
    assert found.counts.tolist() == [[2, 1]]


@given(st.integers(4, 40), st.integers(0, 1 << 30))
def test_rank_sum_equals_scipy(n, seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 5, (n, 3)) / 3
    labels = np.zeros((n, 2), dtype=bool)
    labels[: n // 2, 0] = True
    labels[:1, 1] = True
    order, sparse = ordered(scores), csr_array(labels)
    p = rank_sum_p(auc(order, sparse), order, labels.sum(axis=0))
    means = mean_by_concept(scores, csr_array(labels.astype(float)))
    for j in range(3):
        for c in range(2):
            inside, outside = scores[labels[:, c], j], scores[~labels[:, c], j]
            assert means[j, c] == pytest.approx(inside.mean())
            if np.ptp(scores[:, j]) == 0:
                assert p[j, c] == 1
                continue
            expected = mannwhitneyu(inside, outside, method="asymptotic", use_continuity=False).pvalue
            assert p[j, c] == pytest.approx(expected, rel=1e-9)


@given(st.integers(3, 40), st.integers(2, 5), st.integers(0, 1 << 30))
def test_silhouette_equals_scikit_learn(n, clusters, seed):
    rng = np.random.default_rng(seed)
    units = rng.normal(size=(n, 3))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    cluster = rng.integers(0, clusters, n)
    if not 2 <= len(np.unique(cluster)) <= n - 1:
        if len(np.unique(cluster)) < 2:
            assert np.isnan(silhouettes(units, cluster)).all()
        return
    expected = silhouette_samples(units, cluster, metric="cosine")
    np.testing.assert_allclose(silhouettes(units, cluster), expected, atol=1e-9)
