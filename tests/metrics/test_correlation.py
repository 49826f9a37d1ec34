"""Correlations are scipy's; partial ones those of residuals; draws rank anew; p is calibrated."""

import numpy as np
import pytest
from scipy import stats

from recaudit.metrics.correlation import Pair, correlations, smallest_detectable, weighted_ranks


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    z = rng.normal(size=(300, 2)) + x[:, None]
    return np.column_stack([x, np.round(x + 2 * rng.normal(size=300)), z])


@pytest.mark.parametrize("ranks", [False, True])
def test_plain_values_are_scipys(columns, ranks):
    (found,) = correlations(columns, [Pair(0, 1)], ranks=ranks, draws=50)
    expected = (stats.spearmanr if ranks else stats.pearsonr)(columns[:, 0], columns[:, 1]).statistic
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.low < found.value < found.high
    assert found.n == 300


@pytest.mark.parametrize("ranks", [False, True])
def test_partial_values_are_those_of_residuals(columns, ranks):
    (found,) = correlations(columns, [Pair(0, 1, (2, 3))], ranks=ranks, draws=50)
    data = np.stack([stats.rankdata(c) for c in columns.T], 1) if ranks else columns
    given = np.column_stack([np.ones(len(data)), data[:, 2:]])
    x, y = ((data[:, c] - given @ np.linalg.lstsq(given, data[:, c], rcond=None)[0]) for c in (0, 1))
    assert found.value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-10)


def test_weighted_ranks_are_the_ranks_of_repeated_rows():
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=40), 1)
    counts = rng.integers(0, 4, (40, 3))
    found = weighted_ranks(values, counts.astype(float))
    for draw in range(3):
        rows = np.repeat(np.arange(40), counts[:, draw])
        np.testing.assert_allclose(found[rows, draw], stats.rankdata(values[rows]))


def test_the_interval_is_that_of_scipys_bootstrap(columns):
    (found,) = correlations(columns, [Pair(0, 1)], ranks=True, draws=2000)
    theirs = stats.bootstrap(
        (columns[:, 0], columns[:, 1]),
        lambda x, y: stats.spearmanr(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=1000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_p_is_uniform_where_nothing_is_related():
    rng = np.random.default_rng(3)
    p = [
        correlations(rng.normal(size=(40, 3)), [Pair(0, 1, (2,))], ranks=True, draws=99, seed=trial)[0].p
        for trial in range(200)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) < 0.1


def test_a_constant_has_no_correlation(columns):
    columns[:, 1] = 3.0
    found = correlations(columns, [Pair(0, 1), Pair(0, 2)], ranks=False, draws=20)
    assert np.isnan(found[0].value)
    assert not np.isnan(found[1].value)


def test_smallest_detectable_correlation():
    assert smallest_detectable(4000) == pytest.approx(0.044, abs=5e-4)
    assert smallest_detectable(3) == 1.0
