import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array

from recaudit.analyses.concepts import inputs
from recaudit.analyses.concepts.embeddings import descriptions, from_metadata, from_text
from recaudit.analyses.concepts.inputs import AttributedScores, credible_means, tenths
from recaudit.analyses.concepts.nulls import random_dictionaries
from recaudit.store import read, reading


def credibility_by_hand(values, group):
    """Bühlmann and Straub's estimator with unit weights, from its textbook form."""
    n = np.bincount(group)
    means = np.bincount(group, weights=values) / n
    overall, total, groups = values.mean(), len(values), len(n)
    within = ((values - means[group]) ** 2).sum() / (total - groups)
    between = ((n * (means - overall) ** 2).sum() - (groups - 1) * within) / (total - (n**2).sum() / total)
    if between <= 0:
        return np.full(groups, overall)
    trust = n / (n + within / between)
    return trust * means + (1 - trust) * overall


@given(st.integers(0, 1 << 30), st.floats(0, 3))
def test_shrinkage_is_buhlmann_and_straubs(seed, signal):
    rng = np.random.default_rng(seed)
    group = np.concatenate([np.arange(6), rng.integers(0, 6, 40)])
    values = np.maximum(rng.normal(size=46) + signal * rng.normal(size=6)[group], 0)
    sums = np.bincount(group, weights=values)[:, None]
    found = credible_means(sums, np.array([(values**2).sum()]), np.bincount(group).astype(float))
    np.testing.assert_allclose(found[:, 0], credibility_by_hand(values, group), atol=1e-9)


def test_a_latent_that_differs_from_item_to_item_only_is_not_shrunk():
    found = credible_means(np.array([[2.0], [0.0], [9.0]]), np.array([2 + 27.0]), np.array([2.0, 1.0, 3.0]))
    np.testing.assert_allclose(found[:, 0], [1, 0, 3])


def test_attributed_scores_equal_a_loop():
    rng = np.random.default_rng(0)
    codes = np.maximum(rng.normal(size=(30, 4)), 0)
    pairs = np.zeros((5, 30))
    for case in range(30):
        pairs[rng.choice(5, 2, replace=False), case] = 1
    scores = AttributedScores(csr_array(pairs), csc_array(codes))
    found = scores.columns(np.array([2, 0]))
    for column, latent in enumerate((2, 0)):
        item, case = np.nonzero(pairs)
        np.testing.assert_allclose(
            found[:, column], credibility_by_hand(codes[case, latent], item), atol=1e-9
        )
    assert scores.shape == (5, 4)


def test_tenths_keep_equal_counts_together_and_are_even_otherwise():
    assert np.bincount(tenths(np.random.default_rng(0).permutation(100))).tolist() == [10] * 10
    found = tenths(np.array([0, 0, 0, 0, 0, 0, 7, 8, 9, 10]))
    assert len(set(found[:6].tolist())) == 1
    assert (np.diff(found[6:]) > 0).all()
    assert tenths(np.empty(0, np.int64)).shape == (0,)


def test_random_directions_fire_as_often_as_the_latents():
    vectors = np.random.default_rng(0).normal(size=(50, 6)) + 3
    fires = np.array([0, 1, 20, 50])
    draws = random_dictionaries(vectors, fires, seed=0)
    assert len(draws) == 3
    for draw in draws:
        assert np.diff(draw.codes.indptr).tolist() == fires.tolist()
        assert (draw.codes.data > 0).all()
        np.testing.assert_allclose(np.linalg.norm(draw.directions, axis=1), 1)
        # The strongest are those that lie furthest along the direction.
        projected = (vectors - vectors.mean(axis=0)) @ draw.directions.T
        code = draw.codes.toarray()
        assert set(np.flatnonzero(code[:, 2])) == set(np.argsort(-projected[:, 2])[:20])
        assert np.ptp(code[code[:, 2] > 0, 2] - projected[code[:, 2] > 0, 2]) < 1e-12
    assert not np.array_equal(draws[0].directions, draws[1].directions)
    again = random_dictionaries(vectors, fires, seed=0)
    np.testing.assert_array_equal(again[2].codes.toarray(), draws[2].codes.toarray())


def test_metadata_embedding_puts_like_items_together():

    concepts = pd.DataFrame({"kind": ["genre", "genre", "popularity"], "name": ["Horror", "Comedy", "head"]})
    labels = csr_array(np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1]], dtype=float))
    titles = ["Night of Fear (1970)", "Night of Terror (1980)", "Funny Day (1990)", "Funny Days (1991)", None]
    found = from_metadata(labels, concepts, titles, seed=0)
    cosine = found @ found.T / np.maximum(np.outer(*[np.linalg.norm(found, axis=1)] * 2), 1e-12)
    assert cosine[0, 1] > 0.9
    assert cosine[2, 3] > 0.9
    assert abs(cosine[0, 2]) < 0.1
    assert not found[4].any()  # popularity says nothing about what an item is
    nothing = csr_array((2, 3))
    assert from_metadata(nothing, concepts, [None, None], seed=0) is None


def test_text_embedding_takes_any_encoder():
    found = from_text(["abc", ""], lambda texts: np.array([[len(text), 1] for text in texts]))
    assert found.tolist() == [[3, 1], [0, 1]]
    with pytest.raises(ValueError, match="shape"):
        from_text(["a", "b"], lambda texts: np.ones((3, 2)))


def test_items_and_users_of_an_audit_equal_a_loop(audit_path):
    with reading(audit_path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model)
        catalogue = read.catalogue(audit, model)
        everyone = inputs.items(audit, model, catalogue)
        having = audit.rows(
            "SELECT kind, name, item_id FROM item_concepts JOIN concepts USING (dataset_id, concept_id) "
            "WHERE dataset_id = ?",
            [model.dataset_id],
        )
        dense = everyone.labels.toarray()
        found = {
            (kind, name, int(item))
            for c, (kind, name) in enumerate(everyone.concepts[["kind", "name"]].itertuples(index=False))
            for item in everyone.ids[dense[:, c] == 1]
        }
        assert found == {row for row in having if row[2] in set(everyone.ids.tolist())}
        entities, cases, pairs = inputs.attribution(audit, model, "recommended10", everyone)
        listed = audit.rows(
            "SELECT case_id, item_id FROM recommendations JOIN cases USING (model_id, case_id) WHERE model_id = ? "
            "AND sae_id IS NULL AND rank <= 10 AND kind = 'latest'",
            [model.model_id],
        )
        row, column = pairs.nonzero()
        assert set(zip(cases[column].tolist(), entities.ids[row].tolist(), strict=True)) == set(listed)
        codes = inputs.codes(audit, sae, "case", cases).toarray()
        entity, latent, value = read.activations(audit, sae.sae_id, "case")
        for e, j, v in list(zip(entity, latent, value, strict=True))[:200]:
            if e in cases:
                assert codes[np.searchsorted(cases, e), j] == v
        assert inputs.rules_for(audit, model, sae) == ["recommended10", "direct"]


def test_a_description_is_title_and_content_without_what_tells_popularity():
    concepts = pd.DataFrame(
        {"kind": ["genre", "decade", "popularity", "tag"], "name": ["Horror", "1980s", "head", "cult"]}
    )
    labels = csr_array(np.array([[1, 1, 1, 1], [0, 1, 1, 0], [1, 0, 0, 0]]))
    assert descriptions(labels, concepts, ["Alien (1979)", "Heat", None]) == [
        "Alien (1979). Horror, cult",
        "Heat",
        "Horror",
    ]
