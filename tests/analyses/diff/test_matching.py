"""Latents matched: against plain numpy, an exhaustive search, and worlds in which the answer is known."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats
from scipy.sparse import csc_array

from recaudit.analyses.diff import matching
from recaudit.analyses.diff.matching import Chance


def codes(rng, n=500, latents=12, density=0.1):
    values = rng.exponential(size=(n, latents)) * (rng.random((n, latents)) < density)
    return csc_array(values)


def chance_of(a, b, rng, draws=matching.DRAWS):
    dealt = [matching.correlations(a, b[rng.permutation(a.shape[0])]) for _ in range(draws)]
    return Chance(np.array([one.max(axis=1) for one in dealt]), np.array([one.max(axis=0) for one in dealt]))


def matched(a, b, rng):
    fires = np.diff(a.indptr), np.diff(b.indptr)
    return matching.matched(matching.correlations(a, b), [chance_of(a, b, rng)], *fires)


@pytest.mark.parametrize("density", [0.01, 0.6], ids=["sparse product", "dense product"])
def test_correlations_are_numpys(density):
    rng = np.random.default_rng(0)
    a, b = codes(rng, latents=7, density=density), codes(rng, n=500, latents=5, density=density)
    expected = np.corrcoef(a.toarray().T, b.toarray().T)[:7, 7:]
    assert matching.correlations(a, b) == pytest.approx(expected, abs=1e-12)
    assert matching.pairwise(a[:, :5], b) == pytest.approx(np.diag(expected), abs=1e-12)


def test_a_latent_that_never_changes_goes_with_none():
    a = csc_array(np.column_stack([np.ones(20), np.zeros(20), np.arange(20.0)]))
    assert matching.correlations(a, a).tolist()[:2] == [[0, 0, 0], [0, 0, 0]]
    assert matching.correlations(a, a)[2, 2] == pytest.approx(1)


def test_the_assignment_is_the_best_of_all():
    scores = np.random.default_rng(1).random((5, 6))
    nothing = Chance(np.zeros((2, 5)), np.zeros((2, 6)))
    found = matching.matched(scores, [nothing], np.zeros(5, int), np.zeros(6, int))
    best = max(sum(scores[i, j] for i, j in enumerate(order)) for order in permutations(range(6), 5))
    assert found.score.sum() == pytest.approx(best)
    assert sorted(found.a) == list(range(5))
    assert len(set(found.b)) == 5
    assert (np.diff(found.score) <= 0).all()


def test_a_permuted_copy_is_found_again():
    rng = np.random.default_rng(2)
    a = codes(rng, latents=30)
    order = rng.permutation(30)
    found = matched(a, a[:, order], rng)
    assert found.kept.all()
    assert (order[found.b] == found.a).all()
    rows = rng.normal(size=(30, 8))
    by_decoder = matching.cosines(rows, rows[order])
    assert (by_decoder.argmax(axis=1) == np.argsort(order)).all()


def test_unrelated_latents_are_not_matched():
    rng = np.random.default_rng(3)
    kept = [matched(codes(rng), codes(rng), rng).kept.sum() for _ in range(40)]
    assert np.mean(np.array(kept) > 0) <= 0.15  # BH at 5 % over no true pair: any kept pair is a false one


def test_p_is_uniform_without_any_relation():
    rng = np.random.default_rng(4)
    ps = []
    for _ in range(60):
        a, b = codes(rng), codes(rng)
        tail = matching._Tail(chance_of(a, b, rng).of_a, np.diff(a.indptr))
        ps.append(tail.p(matching.correlations(a, b).max(axis=1), np.arange(12)))
    assert stats.kstest(np.concatenate(ps), "uniform").pvalue > 0.01


def test_a_latent_is_held_against_its_own_chance():
    """One latent lies along what everything shares: a high score of it is nothing."""
    draws = np.random.default_rng(5).normal(0.1, 0.02, (matching.DRAWS, 20))
    draws[:, 0] += 0.6
    tail = matching._Tail(draws, np.zeros(20, int))
    easy, hard = tail.p(np.array([0.7, 0.7]), np.array([0, 1]))
    assert easy > 0.3
    assert hard < 1e-6


def test_halves_of_a_latent_are_its_relatives():
    rng = np.random.default_rng(6)
    a = codes(rng, n=2000, latents=20)
    first = rng.random(2000) < 0.6
    b = a.toarray()
    b[:, 0] = np.where(first, b[:, 0], 0)
    b = csc_array(np.column_stack([b, np.where(first, 0, a.toarray()[:, 0])]))
    found = matched(a, b, rng)
    assert found.kept.sum() == 20
    (left,) = {0, 20} - set(found.b)
    assert found.best_a[left] == 0
    assert found.best_a_q[left] <= matching.Q


def test_random_rows_have_the_same_second_moments():
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(4000, 3)) * [3, 1, 0.2]
    drawn = np.vstack(list(matching.alike(rows, 0)))
    expected = rows.T @ rows / len(rows)
    assert drawn.T @ drawn / len(drawn) == pytest.approx(expected, abs=0.05)
