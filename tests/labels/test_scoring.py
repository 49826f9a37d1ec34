"""Known answers give known scores; a test against shuffled names that holds its level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from recaudit.labels.scoring import beats_shuffled, confident, donors, score
from recaudit.labels.types import NO_ANSWER, Label
from recaudit.metrics.agreement import fleiss_kappa
from recaudit.metrics.proportions import wilson
from tests.labels import worlds


def test_scores_of_known_answers():
    one = worlds.evidence(n=4)
    predicted = np.array([6, 10, 5, 0, 0, 5, 6, 2, 9, 0, 0, 0])
    found = score(one, predicted)
    assert (found.recall, found.specificity, found.specificity_hard) == (0.5, 0.75, 0.75)
    assert found.confidence == 5 / 8
    interval = binomtest(5, 8).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_no_answer_is_a_wrong_one_on_either_side():
    one = worlds.evidence(n=4)
    found = score(one, np.full(12, NO_ANSWER))
    assert (found.recall, found.specificity, found.specificity_hard, found.confidence) == (0, 0, 0, 0)
    assert found.unanswered == 12


def test_a_judge_that_always_says_the_same_has_confidence_one_half():
    one = worlds.evidence(n=10)
    for level in (0, 10):
        assert score(one, np.full(30, level)).confidence == 0.5


def test_ten_trials_say_little():
    low, high = wilson(np.array(8), np.array(10))
    assert (float(low), float(high)) == pytest.approx((0.490, 0.943), abs=0.001)


@given(n=st.integers(1, 200), share=st.floats(0, 1))
def test_wilson_is_scipys(n, share):
    hits = round(n * share)
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    low, high = wilson(np.array([hits]), np.array([n]))
    np.testing.assert_allclose([low[0], high[0]], [expected.low, expected.high], atol=1e-12)
    assert low[0] <= hits / n <= high[0]


def test_wilson_without_trials():
    assert np.isnan(wilson(np.array([0]), np.array([0]))).all()


NAMES = st.frozensets(st.sampled_from("abcdef"), min_size=1, max_size=3)


@given(names=st.lists(NAMES, max_size=15), shuffles=st.integers(0, 12), seed=st.integers(0, 99))
def test_donors_are_others_with_unrelated_names(names, shuffles, seed):
    dealt = donors([Label("".join(sorted(terms)), {}, terms) for terms in names], shuffles, seed)
    assert len(dealt) == len(names)
    for own, row in zip(names, dealt, strict=True):
        assert len(row) == len(set(row)) == min(shuffles, sum(not own & terms for terms in names))
        assert not any(own & names[donor] for donor in row)


def test_names_without_terms_are_related_when_they_say_the_same():
    dealt = donors([Label("x"), Label("y"), Label("x")], 5, 0)
    assert [sorted(row) for row in dealt] == [[1], [0, 2], [1]]


def test_names_dealt_at_random_pass_no_more_often_than_stated():
    """Judges of random skill on latents of random difficulty: own names are one more random draw."""
    rng = np.random.default_rng(0)
    small, found = 0, 0
    for _ in range(60):
        latents, trials = 80, rng.integers(10, 41, 80)
        easy = rng.uniform(0.3, 0.7, latents)
        drawn = rng.binomial(
            trials[:, None], np.clip(easy[:, None] + rng.normal(0, 0.08, (latents, 21)), 0, 1)
        )
        rates = drawn / trials[:, None]
        tested = beats_shuffled(rates[:, 0], rates[:, 1:], trials)
        small += int((tested.p <= 0.05).sum())
        found += int((tested.q <= 0.05).any())
    assert small / (60 * 80) < 0.06
    assert small / (60 * 80) > 0.03
    assert found / 60 < 0.12


def test_names_that_fit_pass():
    rng = np.random.default_rng(1)
    trials = np.full(60, 40)
    shuffled = rng.binomial(40, 0.5, (60, 20)) / 40
    own = np.where(np.arange(60) < 20, 0.9, 0.5)
    tested = beats_shuffled(own, shuffled, trials)
    assert (tested.q[:20] <= 0.05).all()
    assert (tested.q[20:] > 0.05).all()


def test_an_easy_latent_is_no_better_name():
    """Every name does well on it: its own has beaten nobody."""
    rng = np.random.default_rng(2)
    shuffled = rng.binomial(40, 0.5, (30, 20)) / 40
    shuffled[0] = rng.binomial(40, 0.95, 20) / 40
    own = np.full(30, 0.5)
    own[0] = 0.95
    assert beats_shuffled(own, shuffled, np.full(30, 40)).p[0] > 0.2


def test_too_few_shuffles_are_no_test():
    assert np.isnan(beats_shuffled(np.ones(5), [np.zeros(1)] * 5, np.full(5, 10)).q).all()
    assert beats_shuffled(np.ones(0), [], np.zeros(0, int)).q.tolist() == []


def test_confident():
    assert confident([0.8, 0.7999, float("nan"), 0.1 * 8], 0.8).tolist() == [True, False, False, True]


# Fleiss 1971 as tabulated in textbooks: 14 raters, 10 subjects, 5 categories.
FLEISS = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip


def test_fleiss_kappa_of_the_known_table():
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=0.0005)


@given(seed=st.integers(0, 999), raters=st.integers(2, 6), subjects=st.integers(2, 12))
def test_fleiss_kappa_by_looking_at_every_pair_of_raters(seed, raters, subjects):
    rng = np.random.default_rng(seed)
    given_ = rng.integers(0, 4, (subjects, raters))
    counts = np.stack([(given_ == c).sum(axis=1) for c in range(4)], axis=1)
    pairs = [(i, j) for i in range(raters) for j in range(raters) if i != j]
    observed = np.mean([[row[i] == row[j] for i, j in pairs] for row in given_])
    chance = sum((given_ == c).mean() ** 2 for c in range(4))
    found = fleiss_kappa(counts)
    if chance == 1:
        assert np.isnan(found)
    else:
        assert found == pytest.approx((observed - chance) / (1 - chance))


def test_fleiss_kappa_needs_two_ratings():
    assert np.isnan(fleiss_kappa(np.array([[1, 0], [0, 1]])))
    assert fleiss_kappa(np.array([[2, 0], [0, 2], [1, 0]])) == 1
