"""Popularity of lists: RecBole's and evidently's own numbers, hand-made cases, and intervals that hold."""

import math

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from recaudit.metrics import popularity
from recaudit.metrics.lists import EMPTY
from tests.metrics.popularity_golden import ITEMS, USERS, K, lists

RECBOLE = {
    "averagepopularity@10": 49.415,
    "giniindex@10": 0.490869565217,
    "itemcoverage@10": 0.869565217391,
    "shannonentropy@10": 0.084795190753,
    "tailpercentage@10": 0.035,
}
EVIDENTLY = {"apr": 49.415, "coverage": 0.8888888888888888, "gini": 0.42512820512820515}
"""Printed by ``popularity_golden.py``."""


def test_recbole():
    rows, counts = lists()
    # RecBole counts its padding row among the items.
    exposure = np.bincount(rows.ravel(), minlength=ITEMS + 1)
    found = {
        "averagepopularity@10": popularity.mean_over_places(rows, counts).mean(),
        "giniindex@10": popularity.gini(exposure),
        "itemcoverage@10": popularity.coverage(exposure),
        "shannonentropy@10": popularity.shannon_entropy(exposure) / (exposure > 0).sum(),
        "tailpercentage@10": popularity.mean_over_places(rows, popularity.tail_items(counts, 0.2)).mean(),
    }
    assert found == pytest.approx(RECBOLE, abs=1e-11)


def test_evidently():
    rows, counts = lists()
    exposure = np.bincount(rows.ravel(), minlength=ITEMS + 1)
    found = {
        "apr": popularity.mean_over_places(rows, counts).mean(),
        "coverage": popularity.coverage(exposure[counts > 0]),
        "gini": popularity.evidently_gini(exposure),
    }
    assert found == pytest.approx(EVIDENTLY, abs=1e-12)


@pytest.mark.parametrize(
    ("exposure", "gini", "coverage", "bits"),
    [([5, 5, 5, 5], 0, 1, 2), ([0, 0, 0, 8], 0.75, 0.25, 0), ([0, 2, 2, 0], 0.5, 0.5, 1)],
)
def test_concentration_by_hand(exposure, gini, coverage, bits):
    counts = np.array(exposure)
    assert popularity.gini(counts) == pytest.approx(gini)
    assert popularity.coverage(counts) == coverage
    assert popularity.shannon_entropy(counts) == pytest.approx(bits * math.log(2))
    assert popularity.gini(np.stack([counts, counts * 3])) == pytest.approx([gini, gini])


def test_gini_is_half_the_mean_relative_difference():
    counts = np.random.default_rng(0).poisson(3, size=50)
    pairs = np.abs(counts[:, None] - counts[None]).mean() / (2 * counts.mean())
    assert popularity.gini(counts) == pytest.approx(pairs)


def test_nothing_recommended_says_nothing():
    assert np.isnan(popularity.gini(np.zeros(4)))
    assert np.isnan(popularity.shannon_entropy(np.zeros(4)))
    assert np.isnan(popularity.evidently_gini(np.array([0, 3])))
    short = np.array([[2, EMPTY], [EMPTY, EMPTY]])
    assert popularity.mean_over_places(short, np.array([0, 0, 7.0])).tolist()[0] == 7
    assert np.isnan(popularity.mean_over_places(short, np.array([0, 0, 7.0]))[1])
    assert popularity.exposure_matrix(short, 3).toarray().tolist() == [[0, 0, 1], [0, 0, 0]]


def test_jensen_shannon_is_scipys():
    rng = np.random.default_rng(0)
    p, q = rng.random((20, 6)), rng.random((20, 6)) * (rng.random((20, 6)) < 0.5)
    q[:, 0] += 0.01
    expected = [jensenshannon(a, b, base=2) ** 2 for a, b in zip(p, q, strict=True)]
    assert popularity.jensen_shannon(p, q) == pytest.approx(expected)
    ends = popularity.jensen_shannon(
        np.array([[1.0, 0], [1, 1], [0, 0]]), np.array([[0, 1.0], [2, 2], [1, 0]])
    )
    assert ends[:2].tolist() == [1, 0]
    assert np.isnan(ends[2])
    assert popularity.shannon_entropy(p)[0] == pytest.approx(entropy(p[0]))


def test_an_interval_holds_the_value_and_its_next_sample():
    """A recommender of known behaviour, sampled again and again: the interval of one sample holds the mean of all."""
    rng = np.random.default_rng(0)
    weights = rng.pareto(1.2, size=120)
    weights /= weights.sum()

    def sample():
        return np.array([rng.choice(120, 5, replace=False, p=weights) for _ in range(80)])

    many = [popularity.exposure_matrix(sample(), 120) for _ in range(60)]
    truth = {
        statistic: np.mean([statistic(np.asarray(one.sum(axis=0))) for one in many])
        for statistic in (popularity.gini, popularity.coverage)
    }
    held = dict.fromkeys(truth, 0)
    for exposure in many:
        found = popularity.exposure_interval(exposure, list(truth), seed=0, draws=200)
        for statistic, (value, low, high) in zip(truth, found, strict=True):
            assert low <= value <= high
            held[statistic] += low <= truth[statistic] <= high
    assert held[popularity.gini] >= 51  # of 60, at 95 %
    assert held[popularity.coverage] >= 51


def test_groups_of_different_size_compare_at_the_same_size():
    rows, _ = lists()
    exposure = popularity.exposure_matrix(np.vstack([rows] * 4), ITEMS + 1)
    whole = np.asarray(exposure.sum(axis=0))
    (found,) = popularity.rarefied(exposure, USERS, [popularity.coverage], seed=0, draws=400)
    assert found < popularity.coverage(whole)
    # Every item is missed by USERS of 4 * USERS lists with hypergeometric probability.
    per_item = np.asarray((exposure > 0).sum(axis=0))
    missed = [math.comb(4 * USERS - int(m), USERS) / math.comb(4 * USERS, USERS) for m in per_item]
    assert found == pytest.approx(1 - np.mean(missed), abs=0.005)
    same = popularity.rarefied(csr_array(exposure[:USERS]), USERS, [popularity.gini], seed=0)
    assert same[0] == popularity.gini(np.asarray(exposure[:USERS].sum(axis=0)))


def test_ceiling_of_coverage():
    assert popularity.list_length_ceiling(USERS * K, 1200) == 0.5
    assert popularity.list_length_ceiling(10, 5) == 1
    assert math.isnan(popularity.list_length_ceiling(10, 0))
