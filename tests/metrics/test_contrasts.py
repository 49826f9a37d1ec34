"""Contrasts of many latents against scipy, against drawn permutations, and where nothing should be found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array
from scipy.stats import permutation_test, spearmanr

from recaudit.metrics import contrasts
from recaudit.metrics.correlation import Pair, correlations


def entities(n=200, latents=6, seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n, latents))
    sparse = np.where(rng.random((n, latents)) < 0.2, rng.exponential(size=(n, latents)), 0.0)
    return np.column_stack([dense, sparse])


def test_cohens_d_by_hand():
    d = contrasts.cohens_d(np.array([3.0]), np.array([1.0]), np.array([1.0]), np.array([3.0]))
    assert d == pytest.approx(2 / np.sqrt(5))
    assert np.isnan(contrasts.cohens_d(np.ones(1), np.zeros(1), np.zeros(1), np.zeros(1)))


def test_groups_differ_by_what_was_put_in():
    x = entities()
    first, second = np.arange(200) < 60, np.arange(200) >= 140
    x[first, 0] += 1.5
    found = contrasts.group_contrast(x, first, second, np.zeros(200, int), seed=0)
    a, b = x[first, 0], x[second, 0]
    expected = (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    assert found.value[0] == pytest.approx(expected)
    assert found.mean_first[0] == pytest.approx(a.mean())
    assert found.sd_second[0] == pytest.approx(b.std(ddof=1))
    assert found.low[0] < found.value[0] < found.high[0]
    assert found.p[0] < 1e-8
    assert (found.p[1:] > 1e-3).all()


def test_the_interval_is_that_of_a_plain_bootstrap():
    x = entities(n=120)
    first = np.arange(120) < 50
    found = contrasts.group_contrast(x, first, ~first, np.zeros(120, int), seed=0, draws=4000)
    rng = np.random.default_rng(1)
    for latent in (0, 7):
        a, b = x[first, latent], x[~first, latent]
        drawn = []
        for _ in range(3000):
            one, two = rng.choice(a, len(a)), rng.choice(b, len(b))
            drawn.append((one.mean() - two.mean()) / np.sqrt((one.var(ddof=1) + two.var(ddof=1)) / 2))
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert found.low[latent] == pytest.approx(low, abs=0.03)
        assert found.high[latent] == pytest.approx(high, abs=0.03)


@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("latent", [0, 7])
def test_the_p_is_that_of_drawn_permutations(share, latent):
    x = entities(n=150)[:, [latent]]
    first = np.arange(150) < share * 150
    x[first] += 0.35 * x.std()

    drawn = permutation_test(
        (x[first, 0], x[~first, 0]), lambda a, b, axis: a.sum(axis=axis), vectorized=True, n_resamples=20_000,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    p = contrasts.permutation_p(x, first, np.zeros(150, int))
    assert p[0] == pytest.approx(drawn.pvalue, rel=0.3, abs=0.002)  # three moments do not make a distribution


def test_strata_are_kept_by_the_permutation():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], 100)
    # The group lies in the stratum whose values are higher: no difference within strata.
    first = np.concatenate([rng.random(100) < 0.1, rng.random(100) < 0.9])
    x = (rng.normal(size=200) + 3 * strata)[:, None]
    assert contrasts.permutation_p(x, first, np.zeros(200, int))[0] < 1e-10
    within = contrasts.permutation_p(x, first, strata)[0]
    assert within > 0.05
    sums = []
    for _ in range(4000):
        shuffled = first.copy()
        for stratum in (0, 1):
            shuffled[strata == stratum] = rng.permutation(shuffled[strata == stratum])
        sums.append(x[shuffled].sum())
    off = np.abs(np.array(sums) - np.mean(sums)) >= abs(x[first].sum() - np.mean(sums))
    assert within == pytest.approx(off.mean(), rel=0.15)


def test_noise_is_found_as_often_as_the_level_says():
    rng = np.random.default_rng(0)
    x = np.where(rng.random((600, 400)) < 0.05, rng.exponential(size=(600, 400)), 0.0)
    first = np.arange(600) < 60
    p = contrasts.group_contrast(x, first, ~first, np.zeros(600, int), seed=0, draws=20).p
    assert 0.02 < (p < 0.05).mean() < 0.08
    paired = contrasts.paired_contrast(x[:300], x[300:], seed=0, draws=20).p
    assert 0.02 < (paired < 0.05).mean() < 0.08
    ranked = contrasts.rank_correlation(x, rng.normal(size=600), seed=0, draws=20).p
    assert 0.02 < (ranked < 0.05).mean() < 0.08


def test_pairs_are_tested_within_pairs():
    rng = np.random.default_rng(0)
    person = rng.normal(size=(80, 1)) * 10
    one, other = person + 0.5 + rng.normal(size=(80, 1)), person + rng.normal(size=(80, 1))
    found = contrasts.paired_contrast(one, other, seed=0)
    assert abs(found.value[0]) < 0.2  # beside how people differ, it is nothing
    assert found.p[0] < 0.01  # and yet it is there in almost every pair
    signs = rng.choice([-1, 1], size=(20_000, 80))
    difference = (one - other)[:, 0]
    drawn = (np.abs(signs @ difference) >= abs(difference.sum())).mean()
    assert found.p[0] == pytest.approx(drawn, abs=0.002)


def test_rank_correlation_is_scipys():
    x = entities()
    target = np.round(x[:, 0] + np.random.default_rng(3).normal(size=200), 1)
    found = contrasts.rank_correlation(x, target, seed=0)
    for latent in range(x.shape[1]):
        expected = spearmanr(x[:, latent], target)
        assert found.value[latent] == pytest.approx(expected.statistic, abs=1e-12)
        assert found.p[latent] == pytest.approx(expected.pvalue, rel=1e-6)
    (again,) = correlations(np.column_stack([x[:, 0], target]), [Pair(0, 1)], ranks=True, draws=2000)
    assert found.low[0] == pytest.approx(again.low, abs=0.03)
    assert found.high[0] == pytest.approx(again.high, abs=0.03)


def test_covariates_take_out_what_they_explain():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=(500, 1))
    x, target = cause + rng.normal(size=(500, 1)) / 4, (cause[:, 0] + rng.normal(size=500) / 4)
    given_ranks = contrasts.midranks(cause)
    assert contrasts.rank_correlation(x, target, seed=0).value[0] > 0.8
    partial = contrasts.rank_correlation(x, target, given_ranks, seed=0)
    assert abs(partial.value[0]) < 0.15
    columns = np.column_stack([x, target, cause])
    (expected,) = correlations(columns, [Pair(0, 1, (2,))], ranks=True, draws=200)
    assert partial.value[0] == pytest.approx(expected.value, abs=1e-9)
    assert np.isnan(contrasts.rank_correlation(np.ones((500, 1)), target, seed=0).value[0])


@given(st.integers(0, 100))
def test_sparse_columns_are_the_same_as_dense(seed):
    x = entities(n=40, latents=3, seed=seed)[:, 3:]
    first, target = np.arange(40) < 20, np.random.default_rng(seed).normal(size=40)
    for dense, sparse in (
        (contrasts.group_contrast(x, first, ~first, np.zeros(40, int), seed=0, draws=20),
         contrasts.group_contrast(csc_array(x), first, ~first, np.zeros(40, int), seed=0, draws=20)),
        (contrasts.rank_correlation(x, target, seed=0, draws=20),
         contrasts.rank_correlation(csc_array(x), target, seed=0, draws=20)),
    ):  # fmt: skip
        assert np.array_equal(dense.value, sparse.value, equal_nan=True)
        assert np.array_equal(dense.p, sparse.p, equal_nan=True)


def test_mean_rank_against_drawn_items():
    rng = np.random.default_rng(0)
    counts = rng.permutation(400)
    x = rng.random((400, 3))
    x[:, 1] = counts  # the strongest are the most popular
    found = contrasts.mean_rank(x, counts, 50)
    assert found.value[1] == pytest.approx(np.arange(50).mean())
    assert found.expected == 199.5
    drawn = np.array([rng.choice(400, 50, replace=False).mean() for _ in range(20_000)])
    for latent in (0, 2):
        p = (np.abs(drawn - 199.5) >= abs(found.value[latent] - 199.5)).mean()
        assert found.p[latent] == pytest.approx(p, abs=0.01)
    assert found.p[1] < 1e-20
    few = np.zeros((400, 1))
    few[:7] = 1
    assert contrasts.mean_rank(few, counts, 50).n[0] == 7
    assert np.isnan(contrasts.mean_rank(np.zeros((400, 1)), counts, 50).value[0])


def test_too_few_entities_say_nothing():
    x = entities(n=6)
    first = np.arange(6) < 2
    assert np.isnan(contrasts.group_contrast(x, first, ~first, np.zeros(6, int), seed=0).value).all()
    assert np.isnan(contrasts.rank_correlation(x[:3], np.arange(3.0), seed=0).value).all()
