"""Gradients are autograd's, groups are tested exactly, and the words about ratings follow their table."""

import numpy as np
import pytest
import torch
from scipy import stats

from recaudit.analyses.cav.alignment import LEAST_RATINGS, Profiles, UserRatings, answered, rated, statement
from recaudit.analyses.cav.gradients import depends_on_item, mean_gradients
from recaudit.analyses.cav.sensitivity import group_score, sensitivities
from recaudit.models.heads import DotHead, MaxInterestHead, MlpHead, SigmoidMlpHead

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def mlp_head(shared, sigmoid=False):
    tensors = {
        "layers.0.weight": normal(7, 9),
        "layers.0.bias": normal(7),
        "layers.1.weight": normal(5, 7),
        "layers.1.bias": normal(5),
        "out.weight": normal(1, shared + 5),
        "out.bias": normal(1),
    }
    vectors = normal(11, shared + 4)
    return SigmoidMlpHead(vectors, tensors, normal(11)) if sigmoid else MlpHead(vectors, tensors)


def logit(head, x, v, shared):
    w = {name: torch.tensor(tensor) for name, tensor in head.tensors.items()}
    hidden = torch.cat([x[shared:], v[shared:]])
    for layer in (0, 1):
        hidden = torch.relu(w[f"layers.{layer}.weight"] @ hidden + w[f"layers.{layer}.bias"])
    return w["out.weight"][0] @ torch.cat([x[:shared] * v[:shared], hidden]) + w["out.bias"][0]


@pytest.mark.parametrize(("shared", "sigmoid"), [(3, False), (0, False), (3, True)])
def test_mlp_gradients_are_autograds(shared, sigmoid):
    head = mlp_head(shared, sigmoid)
    x = normal(6, shared + 5)
    candidates = RNG.random((6, 11)) < 0.6
    found = mean_gradients(head, x, candidates)
    for user in range(6):
        each = []
        for item in np.flatnonzero(candidates[user]):
            v = torch.tensor(head.vectors[item], requires_grad=True)
            logit(head, torch.tensor(x[user]), v, shared).backward()
            each.append(v.grad.numpy())
        np.testing.assert_allclose(found[user], np.mean(each, axis=0), atol=1e-5)


def test_the_mlp_differentiated_is_the_one_that_scores():
    head, x = mlp_head(2), normal(3, 7)
    ours = head.score(x)
    theirs = [[float(logit(head, torch.tensor(u), torch.tensor(v), 2)) for v in head.vectors] for u in x]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_chunks_of_users_change_nothing(monkeypatch):
    head, x, candidates = mlp_head(3), normal(9, 8), np.ones((9, 11), bool)
    whole = mean_gradients(head, x, candidates)
    monkeypatch.setattr("recaudit.analyses.cav.gradients._CELLS", 1)
    np.testing.assert_allclose(mean_gradients(head, x, candidates), whole, atol=1e-5)


def test_the_best_interest_is_what_a_score_moves_with():
    head, x = MaxInterestHead(normal(20, 3)), normal(4, 6)
    candidates = RNG.random((4, 20)) < 0.7
    found = mean_gradients(head, x, candidates)
    step = 1e-3
    for axis in range(3):
        up, down = (
            MaxInterestHead((head.vectors + sign * step * np.eye(3)[axis]).astype(np.float32))
            for sign in (1, -1)
        )
        slope = (up.score(x).astype(float) - down.score(x)) / (2 * step)
        expected = (slope * candidates).sum(axis=1) / candidates.sum(axis=1)
        np.testing.assert_allclose(found[:, axis], expected, atol=0.02)


def test_a_dot_product_needs_no_items():
    x = normal(5, 4)
    head = DotHead(normal(9, 4))
    assert not depends_on_item(head)
    np.testing.assert_array_equal(mean_gradients(head, x, np.zeros((5, 0), bool)), x)


def test_sensitivities():
    found = sensitivities(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[1.0, 0.0]]))
    np.testing.assert_allclose(found.raw, [[3], [0]])
    np.testing.assert_allclose(found.cosine, [[0.6], [0]])
    np.testing.assert_allclose(found.centred, [[1.5], [-1.5]])


def test_group_p_is_that_of_shuffled_labels():
    positive, member = RNG.random((60, 3)) < [0.5, 0.3, 0.5], np.arange(60) < 25
    positive[:25, 2] = True
    found = group_score(positive, member)
    np.testing.assert_allclose(found.share, positive[:25].mean(axis=0))
    np.testing.assert_allclose(found.elsewhere, positive[25:].mean(axis=0))
    low, high = stats.binomtest(int(positive[:25, 0].sum()), 25).proportion_ci(method="wilson")
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))
    counts = np.array([positive[RNG.permutation(60)[:25]].sum(axis=0) for _ in range(5000)])
    hits = positive[:25].sum(axis=0)
    drawn = np.minimum(1, 2 * np.minimum((counts >= hits).mean(axis=0), (counts <= hits).mean(axis=0)))
    np.testing.assert_allclose(found.p, drawn, atol=0.04)
    assert found.p[2] < 1e-4


def test_only_users_with_ratings_on_both_sides_count():
    user = np.repeat([0, 1, 2], 10)
    inside = np.tile(np.arange(10) < 5, 3)
    inside[20:22] = False  # user 2 has three inside
    rating = np.where(inside, 4.0, 2.0) + user
    found = rated(user, inside, rating, 4)
    np.testing.assert_array_equal(found.user, [0, 1])
    np.testing.assert_allclose(found.inside, [4, 5])
    np.testing.assert_allclose(found.outside, [2, 3])
    assert (found.n_inside >= LEAST_RATINGS).all()


def test_answers_are_scipys_correlations():
    n = 200
    raw, share = RNG.normal(size=n), RNG.random(n)
    inside = np.round(3 + raw + RNG.normal(size=n))
    raw[:3] = np.nan  # no case
    profiles = Profiles(np.where(np.arange(n) == 5, 0, 7), RNG.random(n))
    ratings = UserRatings(np.arange(n), inside, RNG.random(n), np.full(n, 9), np.full(n, 9))
    found = {
        a.question: a.found
        for a in answered({"raw": raw, "cosine": raw}, ratings, share, profiles, draws=20, seed=0)
    }
    kept = np.setdiff1d(np.arange(n), [0, 1, 2, 5])
    plain = {(q.rating, q.ranks): c for q, c in found.items() if q.sensitivity == "raw" and not q.adjusted}
    assert plain["mean", True].n == len(kept)
    assert plain["mean", True].value == pytest.approx(stats.spearmanr(raw[kept], inside[kept]).statistic)
    assert plain["share", False].value == pytest.approx(stats.pearsonr(raw[kept], share[kept]).statistic)
    centred = (inside - ratings.outside)[kept]
    assert plain["centred", True].value == pytest.approx(stats.spearmanr(raw[kept], centred).statistic)
    assert len(found) == 18


@pytest.mark.parametrize(
    ("low", "high", "control", "said"),
    [
        (0.05, 0.20, 0.3, "goes with"),
        (0.01, 0.09, 0.3, "negligible"),
        (-0.30, -0.02, 0.3, "goes against"),
        (-0.09, -0.01, 0.3, "negligible"),
        (-0.05, 0.05, 0.3, "no relation"),
        (-0.10, 0.10, 0.3, "no relation"),
        (-0.05, 0.11, 0.3, "undecided"),
        (-0.11, 0.05, 0.3, "undecided"),
        (-0.05, 0.05, -0.1, "control fails"),
        (-0.05, 0.05, float("nan"), "control fails"),
        (0.05, 0.20, -0.1, "goes with"),
        (float("nan"), float("nan"), 0.3, "too few users"),
    ],
)
def test_statements(low, high, control, said):
    assert statement(low, high, control) == said
