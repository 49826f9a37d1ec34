import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array
from sklearn.metrics import roc_auc_score

from recaudit.metrics.selection import (
    NONE,
    MatrixScores,
    auc_influence,
    bootstrap_intervals,
    halves,
    p_above_zero,
    picks,
    scored,
)


def world(n=300, latents=12, concepts=6, seed=0):
    """Latent 0 carries concept 0; the rest is noise, sparse and full of ties."""
    rng = np.random.default_rng(seed)
    labels = rng.random((n, concepts)) < np.linspace(0.1, 0.6, concepts)
    scores = np.maximum(rng.normal(size=(n, latents)).round(1), 0)
    scores[:, 0] += 2 * labels[:, 0]
    return MatrixScores(csc_array(scores)), csr_array(labels), scores, labels


def pairs_within(y, s, strata):
    """Share of pairs in the right order, pair by pair."""
    right = pairs = 0.0
    for i in np.flatnonzero(y):
        for j in np.flatnonzero(~y & (strata == strata[i])):
            right += 1.0 if s[i] > s[j] else 0.5 * (s[i] == s[j])
            pairs += 1
    return right / pairs if pairs else np.nan


@given(st.integers(0, 1 << 30), st.integers(1, 4))
def test_stratified_auc_compares_only_within_strata(seed, n_strata):
    rng = np.random.default_rng(seed)
    y, s = rng.random(25) < 0.4, rng.integers(0, 5, 25).astype(float)
    strata = rng.integers(0, n_strata, 25)
    value, _ = auc_influence(s[:, None], y[:, None], strata)
    assert value[0] == pytest.approx(pairs_within(y, s, strata), nan_ok=True)


def test_a_column_that_only_knows_the_stratum_earns_one_half():
    rng = np.random.default_rng(3)
    strata = rng.integers(0, 4, 2000)
    y = rng.random(2000) < strata / 5
    plain, _ = auc_influence(strata[:, None].astype(float), y[:, None])
    within, _ = auc_influence(strata[:, None].astype(float), y[:, None], strata)
    assert plain[0] > 0.7
    assert within[0] == 0.5


def test_influence_is_the_derivative_of_the_auc_by_weight():
    rng = np.random.default_rng(4)
    y, s = rng.random(60) < 0.4, rng.normal(size=60).round(1)
    value, influence = auc_influence(s[:, None], y[:, None])
    for i in range(60):
        weight = np.ones(60)
        weight[i] += 1e-6
        moved = (roc_auc_score(y, s, sample_weight=weight) - value[0]) / 1e-6
        assert influence[i, 0] == pytest.approx(moved, abs=1e-6)


def test_interval_is_that_of_a_bootstrap_of_the_auc_itself():
    rng = np.random.default_rng(5)
    y = rng.random(400) < 0.3
    s = rng.normal(size=400) + y
    value, influence = auc_influence(s[:, None], y[:, None])
    low, high = bootstrap_intervals(value, influence, seed=0)
    again = []
    for _ in range(1000):
        drawn = rng.integers(0, 400, 400)
        again.append(roc_auc_score(y[drawn], s[drawn]))
    np.testing.assert_allclose([low[0], high[0]], np.quantile(again, [0.025, 0.975]), atol=0.01)


@given(st.integers(0, 1 << 30))
def test_halves_split_every_concept(seed):
    rng = np.random.default_rng(seed)
    labels = rng.random((120, 8)) < rng.random(8)
    for mask in halves(csr_array(labels), 2, seed):
        assert abs(int(mask.sum()) - 60) <= 8
        inside, outside = labels[mask].sum(axis=0), labels[~mask].sum(axis=0)
        # Dealt rarest first, so only what earlier concepts forced can be off.
        assert (np.abs(inside - outside) <= np.maximum(2, 0.35 * labels.sum(axis=0))).all()
    assert not np.array_equal(*halves(csr_array(labels), 2, seed))


def test_picks_equal_a_loop_and_scores_are_on_the_other_half():
    matrix, sparse_labels, scores, labels = world()
    masks = halves(sparse_labels, 2, 0)
    picked = picks(matrix, sparse_labels, masks)
    chosen = picked.folds
    assert picked.whole.tolist() == [np.argmax([roc_auc_score(y, s) for s in scores.T]) for y in labels.T]
    found = scored(matrix, sparse_labels, masks, chosen)
    by_hand = np.zeros((4, labels.shape[1]))
    for fold, (picking, scoring) in enumerate(
        [(m, ~m) if first else (~m, m) for m in masks for first in (True, False)]
    ):
        for c in range(labels.shape[1]):
            aucs = [roc_auc_score(labels[picking, c], s) for s in scores[picking].T]
            assert chosen[fold, c] == np.argmax(aucs)
            by_hand[fold, c] = roc_auc_score(labels[scoring, c], scores[scoring, np.argmax(aucs)])
    np.testing.assert_allclose(found.auc, by_hand.mean(axis=0))
    np.testing.assert_allclose(found.influence.sum(axis=0), 0, atol=1e-12)


def test_noise_earns_one_half_however_many_columns_compete():
    rng = np.random.default_rng(7)
    labels = csr_array(rng.random((400, 40)) < 0.2)
    scores = MatrixScores(rng.normal(size=(400, 300)))
    masks = halves(labels, 3, 0)
    chosen = picks(scores, labels, masks).folds
    found = scored(scores, labels, masks, chosen)
    assert abs(found.auc.mean() - 0.5) < 0.01
    same = picks(scores, labels, []).whole
    flattered = auc_influence(scores.columns(same), labels.toarray().astype(bool))[0]
    assert flattered.mean() > 0.6


def test_p_values_of_noise_are_not_too_small():
    rng = np.random.default_rng(8)
    labels = csr_array(rng.random((300, 200)) < 0.3)
    scores = MatrixScores(rng.normal(size=(300, 50)))
    masks = halves(labels, 3, 1)
    found = scored(scores, labels, masks, picks(scores, labels, masks).folds)
    p = p_above_zero(found.auc - 0.5, found.influence)
    assert (p < 0.05).mean() < 0.08


def test_a_concept_of_everything_has_no_pick():
    labels = np.ones((20, 2), dtype=bool)
    labels[:10, 1] = False
    sparse = csr_array(labels)
    masks = halves(sparse, 1, 0)
    matrix = MatrixScores(np.arange(40.0).reshape(20, 2))
    chosen = picks(matrix, sparse, masks).folds
    assert (chosen[:, 0] == NONE).all()
    found = scored(matrix, sparse, masks, chosen)
    assert np.isnan(found.auc[0])
    assert found.auc[1] == 1
    assert p_above_zero(found.auc - 0.5, found.influence).tolist()[1] == 0
    assert np.isnan(p_above_zero(found.auc - 0.5, found.influence)[0])
