"""Both published variants by plain loops, the silhouette by scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score
from sklearn.metrics.pairwise import cosine_similarity

from recaudit.labels.similarity import similarities
from tests.labels import worlds


@pytest.fixture(scope="module")
def world():
    return worlds.material(seed=4)


def strongest(world, codes, latent):
    """The five strongest users with distinct first items."""
    column = codes[:, [latent]].toarray()[:, 0]
    found = []
    for place in np.argsort(-column, kind="stable"):
        if column[place] > 0 and world.focus[place] not in {world.focus[other] for other in found}:
            found.append(place)
    return found[:5]


@pytest.mark.parametrize("space", ["probe", "item"])
def test_by_plain_loops(world, space):
    codes = worlds.random_codes(world, 12)
    vectors = world.vectors if space == "probe" else world.catalogue.vectors[world.focus] + 0.0
    groups = [strongest(world, codes, latent) for latent in range(12)]
    cosines = cosine_similarity(vectors.astype(np.float64))
    intra = np.mean([cosines[group[0], group[1]] for group in groups])
    heads = [group[0] for group in groups]
    inter = np.mean([cosines[a, b] for i, a in enumerate(heads) for j, b in enumerate(heads) if i != j])
    rows = np.concatenate(groups)
    expected = silhouette_score(vectors[rows], np.repeat(np.arange(12), 5), metric="cosine")
    found = {one.space: one for one in similarities(world, codes, list(range(12)))}[space]
    assert (found.intra, found.inter) == (pytest.approx(intra), pytest.approx(inter))
    assert found.silhouette == pytest.approx(expected, abs=1e-6)
    assert found.n == 12


def test_one_latent_has_no_between(world):
    (found, _) = similarities(world, worlds.genre_codes(world), [0])
    assert np.isnan(found.inter)
    assert np.isnan(found.silhouette)
    assert found.intra > 0.9


def test_planted_latents_are_apart(world):
    for found in similarities(world, worlds.genre_codes(world), list(range(5))):
        assert found.intra > 0.5 > found.inter
        assert found.silhouette > 0.3
