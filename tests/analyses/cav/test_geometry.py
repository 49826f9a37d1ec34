"""Angles, order and map are scipy's and numpy's; latents are found by what they fire on."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.sparse import csc_array
from scipy.spatial.distance import pdist

from recaudit.analyses.cav.geometry import angles, clustered_order, flat_map
from recaudit.analyses.cav.latents import KEPT, linked, sparse_correlation


@pytest.fixture
def directions():
    x = np.random.default_rng(0).normal(size=(7, 5))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_angles_of_draws_belong_together(directions):
    noise = np.random.default_rng(1).normal(size=(50, 7, 5)) / 5
    draws = directions + noise
    draws = (draws / np.linalg.norm(draws, axis=2, keepdims=True)).astype(np.float32)
    found = angles(directions, draws)
    np.testing.assert_allclose(found.cosine, 1 - pdist(directions, "cosine"))
    pair = int(np.flatnonzero((found.first == 2) & (found.second == 4))[0])
    drawn = (draws[:, 2] * draws[:, 4]).sum(axis=1)
    assert (found.low[pair], found.high[pair]) == pytest.approx(
        tuple(np.quantile(drawn, [0.025, 0.975])), abs=1e-6
    )


def test_order_is_scipys_optimal_one(directions):
    tree = linkage(pdist(directions, "cosine"), "average", optimal_ordering=True)
    np.testing.assert_array_equal(np.argsort(clustered_order(directions)), leaves_list(tree))
    np.testing.assert_array_equal(clustered_order(directions[:2]), [0, 1])


def test_the_map_is_an_uncentred_svd(directions):
    found = flat_map(directions)
    size = np.linalg.svd(directions, compute_uv=False)
    np.testing.assert_allclose(found.share, size[:2] ** 2 / (size**2).sum())
    np.testing.assert_allclose((found.points**2).sum(axis=0), size[:2] ** 2)
    np.testing.assert_allclose(found.points, directions @ found.axes.T)
    assert (found.points[np.abs(found.points).argmax(axis=0), [0, 1]] > 0).all()


def test_a_lone_cav_has_a_map(directions):
    found = flat_map(directions[:1])
    np.testing.assert_allclose(found.points, [[1, 0]])
    np.testing.assert_allclose(found.share, [1, 0])


def test_sparse_correlations_are_numpys():
    rng = np.random.default_rng(0)
    codes = np.maximum(rng.normal(size=(80, 6)), 0)
    codes[:, 4] = 0
    scores = rng.normal(size=(80, 3))
    found = sparse_correlation(csc_array(codes), scores)
    live = [0, 1, 2, 3, 5]
    expected = np.corrcoef(codes[:, live].T, scores.T)[len(live) :, : len(live)]
    np.testing.assert_allclose(found[:, live], expected)
    assert np.isnan(found[:, 4]).all()


def test_links_keep_the_nearest_by_each_measure(directions):
    rng = np.random.default_rng(0)
    decoder = rng.normal(size=(40, 5))
    decoder[7] = 3 * directions[2]
    sensitivity = rng.normal(size=(60, 7))
    codes = np.maximum(rng.normal(size=(60, 40)), 0)
    codes[:, 11] = np.maximum(sensitivity[:, 2], 0)
    found = linked(directions, decoder, csc_array(codes), sensitivity, None, np.zeros((3, 7)), 40)
    own = found.cav == 2
    assert found.cosine[own][found.latent[own] == 7] == pytest.approx([1.0])
    assert found.case_correlation[own][found.latent[own] == 11] > 0.8
    assert np.isnan(found.item_correlation).all()
    assert KEPT <= own.sum() <= 2 * KEPT
    apart = linked(directions, None, csc_array(codes), sensitivity, None, np.zeros((3, 7)), 40)
    assert np.isnan(apart.cosine).all()
    assert (apart.cav == 2).sum() == KEPT
    assert 11 in apart.latent[apart.cav == 2]
