import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array
from sklearn.metrics.pairwise import cosine_similarity

from recaudit.metrics.monosemanticity import monosemanticity, only_strongest, scaled, unit_rows


def by_pairs(weights, embedding):
    """The definition, pair by pair."""
    cosine = cosine_similarity(embedding)
    scores = []
    for a in weights.T:
        both = np.outer(a, a)
        np.fill_diagonal(both, 0)
        scores.append((both * cosine).sum() / both.sum() if both.sum() > 0 else np.nan)
    return np.array(scores)


def notebook(activations, embedding, top=30):
    """Monosemanticity4Rec's published formula, as its notebooks loop over it."""
    cosine = cosine_similarity(embedding)
    scores = []
    for column in activations.T:
        a = (column - column.min()) / (column.max() - column.min())
        best = np.argsort(-a, kind="stable")[:top]
        above = below = 0.0
        for i in best:
            for k in best:
                if i != k:
                    above += a[i] * a[k] * cosine[i, k]
                    below += a[i] * a[k]
        scores.append(above / below if below else np.nan)
    return np.array(scores)


def world(n=60, latents=5, d=4, seed=0, density=0.5):
    rng = np.random.default_rng(seed)
    return rng.random((n, latents)) * (rng.random((n, latents)) < density), rng.normal(0.3, 1, (n, d))


@given(st.integers(2, 25), st.integers(0, 1 << 30), st.booleans(), st.booleans())
def test_identity_equals_the_sum_over_pairs(n, seed, centred, sparse):
    activations, embedding = world(n, seed=seed, density=0.3)
    weights = scaled(csc_array(activations) if sparse else activations)
    found = monosemanticity(weights, unit_rows(embedding, centred=centred)).score
    dense = weights.toarray() if sparse and hasattr(weights, "toarray") else weights
    expected = by_pairs(np.asarray(dense), embedding - embedding.mean(axis=0) * centred)
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("density", [0.8, 1.0])
def test_equals_the_notebooks(density):
    activations, embedding = world(90, density=density)
    weights = only_strongest(scaled(csc_array(activations)))
    found = monosemanticity(weights, unit_rows(embedding, centred=False)).score
    np.testing.assert_allclose(found, notebook(activations, embedding), atol=1e-10)


def test_null_moments_are_those_of_permutations():
    activations, embedding = world(40, latents=4, density=0.4)
    activations[:, 3] **= 8  # a few entities carry nearly all the weight
    weights, units = scaled(activations), unit_rows(embedding, centred=False)
    found = monosemanticity(weights, units)
    rng = np.random.default_rng(0)
    permuted = np.array([monosemanticity(weights[rng.permutation(40)], units).score for _ in range(4000)])
    assert found.null_mean == pytest.approx(permuted.mean(), abs=0.01)
    np.testing.assert_allclose(found.null_sd, permuted.std(axis=0), rtol=0.04)


@pytest.mark.parametrize("centred", [False, True])
def test_p_is_the_share_of_permutations_at_least_as_alike(centred):
    activations, embedding = world(200, latents=6, density=0.2, seed=2)
    weights, units = scaled(activations), unit_rows(embedding, centred=centred)
    rng = np.random.default_rng(1)
    orders = [rng.permutation(200) for _ in range(4000)]
    permuted = np.array([monosemanticity(weights[order], units).score for order in orders])
    for quantile in (0.5, 0.9, 0.99):
        # Latents whose score sits at that quantile of the null must get that p.
        at = np.quantile(permuted, quantile, axis=0)
        nearest = np.abs(permuted - at).argmin(axis=0)
        for latent, draw in enumerate(nearest):
            p = monosemanticity(weights[orders[draw]], units).p[latent]
            assert p == pytest.approx(1 - quantile, abs=0.006 if quantile > 0.95 else 0.03)


def test_a_latent_of_one_cluster_stands_out_and_noise_does_not():
    rng = np.random.default_rng(3)
    cluster = rng.integers(0, 5, 500)
    embedding = np.eye(5)[cluster] + rng.normal(0, 0.3, (500, 5))
    activations = np.column_stack(
        [(cluster == 2) * rng.random(500), (rng.random(500) < 0.2) * rng.random(500)]
    )
    found = monosemanticity(scaled(csc_array(activations)), unit_rows(embedding, centred=True))
    assert found.score[0] > 0.6
    assert found.p[0] < 1e-10
    assert found.p[1] > 0.01


def test_dead_and_single_entity_latents_have_no_score():
    activations = np.zeros((10, 2))
    activations[3, 1] = 5.0
    found = monosemanticity(scaled(csc_array(activations)), unit_rows(np.eye(10), centred=False))
    assert np.isnan(found.score).all()
    assert np.isnan(found.p).all()


def test_a_shared_direction_is_what_centring_takes_away():
    rng = np.random.default_rng(4)
    embedding = rng.normal(size=(100, 6)) + 10
    activations = rng.random((100, 1))
    uncentred = monosemanticity(scaled(activations), unit_rows(embedding, centred=False))
    centred = monosemanticity(scaled(activations), unit_rows(embedding, centred=True))
    assert uncentred.score[0] > 0.95
    assert abs(centred.score[0]) < 0.1
    assert uncentred.null_mean == pytest.approx(uncentred.score[0], abs=0.01)
