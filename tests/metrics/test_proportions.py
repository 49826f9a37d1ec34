"""Shares of successes, held to scipy."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from recaudit.metrics.proportions import wilson_share


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 7), (7, 7), (26, 29)])
def test_a_share_and_its_interval_are_scipys(hits, n):
    share, low, high = wilson_share(np.arange(n) < hits)
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    assert share == hits / n
    assert (low, high) == pytest.approx((expected.low, expected.high))


def test_no_trial_no_share():
    assert all(math.isnan(value) for value in wilson_share(np.zeros(0, dtype=bool)))
