import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from recaudit.metrics import ranking

SCORES = np.array([[3, 2, 1], [1, 1, 1], [0, 5, 5], [-np.inf, 1, 0]], dtype=np.float32)


def test_ties_go_against_the_target():
    ranks = ranking.pessimistic_ranks(SCORES, np.array([0, 1, 1, 2]))
    assert ranks.tolist() == [1, 3, 2, 2]


def test_known_values():
    ranks = np.array([1, 3, 11])
    assert ranking.hit(ranks, 10).tolist() == [1, 1, 0]
    assert ranking.ndcg(ranks, 10) == pytest.approx([1, 0.5, 0])
    assert ranking.reciprocal(ranks) == pytest.approx([1, 1 / 3, 1 / 11])


@given(st.integers(0, 1000))
def test_ndcg_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores = rng.permutation(20).astype(np.float32)[None]
    target = rng.integers(20, size=1)
    relevance = np.zeros((1, 20))
    relevance[0, target] = 1
    ranks = ranking.pessimistic_ranks(scores, target)
    assert ranking.ndcg(ranks, 10)[0] == pytest.approx(ndcg_score(relevance, scores, k=10))


@given(st.permutations(range(4)))
def test_permuting_rows_permutes_ranks(order):
    targets = np.array([0, 1, 1, 2])
    ranks = ranking.pessimistic_ranks(SCORES, targets)
    permuted = ranking.pessimistic_ranks(SCORES[list(order)], targets[list(order)])
    assert permuted.tolist() == ranks[list(order)].tolist()
