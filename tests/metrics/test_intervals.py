import numpy as np
import pytest
from scipy.stats import bootstrap

from recaudit.metrics import intervals


def per_user(values, users):
    rows = np.column_stack([values, np.ones_like(values)])
    return intervals.sum_by_user(rows, users)


def test_one_row_per_user_agrees_with_scipy():
    values = np.random.default_rng(0).exponential(size=400)
    ours = intervals.estimate(per_user(values, np.arange(400)), intervals.means, seed=1)[0]
    theirs = bootstrap((values,), np.mean, n_resamples=1000, method="percentile", rng=2).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.02)
    assert ours.high == pytest.approx(theirs.high, abs=0.02)


def test_repeating_a_users_rows_narrows_nothing():
    values = np.random.default_rng(0).normal(size=100)
    once = intervals.estimate(per_user(values, np.arange(100)), intervals.means, seed=1)[0]
    tenfold = intervals.estimate(
        per_user(np.repeat(values, 10), np.repeat(np.arange(100), 10)), intervals.means, seed=1
    )[0]
    assert tenfold.low == pytest.approx(once.low)
    assert tenfold.high == pytest.approx(once.high)
    assert tenfold.n == 100


def test_same_seed_same_bytes():
    sums = per_user(np.random.default_rng(0).normal(size=50), np.arange(50))
    assert intervals.estimate(sums, intervals.means, seed=3) == intervals.estimate(
        sums, intervals.means, seed=3
    )


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        sums = per_user(rng.normal(size=80), np.arange(80))
        found = intervals.estimate(sums, intervals.means, seed=trial, draws=300)[0]
        covered += found.low <= 0 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_blocks_of_many_users_keep_the_width(monkeypatch):
    values = np.random.default_rng(0).normal(size=8000)
    exact = intervals.estimate(per_user(values, np.arange(8000)), intervals.means, seed=1)[0]
    monkeypatch.setattr(intervals, "MANY_USERS", 1000)
    blocked = intervals.estimate(per_user(values, np.arange(8000)), intervals.means, seed=1)[0]
    assert blocked.high - blocked.low == pytest.approx(exact.high - exact.low, rel=0.15)


def test_no_users_no_estimates():
    assert intervals.estimate(np.empty((0, 2)), intervals.means, seed=0) == []
