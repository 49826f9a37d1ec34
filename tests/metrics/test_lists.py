import numpy as np
import pytest
from scipy.stats import kendalltau

from recaudit.metrics import lists


def random_lists(seed, rows=20, depth=30, catalogue=60):
    rng = np.random.default_rng(seed)
    draw = [rng.permutation(catalogue)[:depth] for _ in range(2 * rows)]
    return np.array(draw[:rows]), np.array(draw[rows:])


def test_identical_lists_agree_fully():
    a, _ = random_lists(0)
    assert lists.overlap(a, a) == pytest.approx(1)
    assert lists.rank_biased_overlap(a, a) == pytest.approx(1)
    assert lists.rank_biased_overlap(a, a, extrapolate=False) == pytest.approx(1 - 0.9**30)
    assert lists.kendall_tau(a, a) == pytest.approx(1)
    assert lists.kendall_tau_union(a, a) == pytest.approx(1)


def test_disjoint_lists_of_thirty_give_the_published_floor():
    a = np.arange(30)[None]
    b = np.arange(30, 60)[None]
    assert lists.overlap(a, b) == pytest.approx(0)
    assert lists.rank_biased_overlap(a, b) == pytest.approx(0)
    assert np.isnan(lists.kendall_tau(a, b)).all()
    assert lists.kendall_tau_union(a, b) == pytest.approx(-0.674, abs=5e-4)


def test_reversed_list():
    a = np.arange(10)[None]
    assert lists.overlap(a, a[:, ::-1]) == pytest.approx(1)
    assert lists.kendall_tau(a, a[:, ::-1]) == pytest.approx(-1)


def test_overlap_and_rbo_equal_the_definition_with_sets():
    a, b = random_lists(1)
    for row, (x, y) in enumerate(zip(a, b, strict=True)):
        shared = [len(set(x[:d]) & set(y[:d])) / d for d in range(1, 31)]
        truncated = 0.1 * sum(0.9 ** (d - 1) * s for d, s in enumerate(shared, start=1))
        assert lists.overlap(a, b)[row] == pytest.approx(shared[-1])
        assert lists.rank_biased_overlap(a, b, extrapolate=False)[row] == pytest.approx(truncated)
        assert lists.rank_biased_overlap(a, b)[row] == pytest.approx(truncated + shared[-1] * 0.9**30)


def test_kendall_equals_scipy():
    a, b = random_lists(2)
    for row, (x, y) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        common = [item for item in x if item in y]
        expected = kendalltau([x.index(i) for i in common], [y.index(i) for i in common]).statistic
        assert lists.kendall_tau(a, b)[row] == pytest.approx(expected)
        union = x + [item for item in y if item not in x]
        ranks = [[z.index(i) if i in z else 30 for i in union] for z in (x, y)]
        assert lists.kendall_tau_union(a, b)[row] == pytest.approx(kendalltau(*ranks).statistic)


def test_padding_never_matches():
    a = np.array([[1, 2, lists.EMPTY]])
    b = np.array([[2, 1, lists.EMPTY]])
    assert lists.overlap(a, b) == pytest.approx(2 / 3)
    assert lists.kendall_tau(a, b) == pytest.approx(-1)


def test_chunks_change_nothing(monkeypatch):
    a, b = random_lists(3)
    whole = lists.rank_biased_overlap(a, b)
    monkeypatch.setattr(lists, "_CHUNK_CELLS", 1)
    np.testing.assert_array_equal(lists.rank_biased_overlap(a, b), whole)
