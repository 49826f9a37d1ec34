"""The labeller without a language model: planted concepts are found and hold, noise is not and does not."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, hypergeom

from recaudit.labels.evidence import Drawer
from recaudit.labels.popularity import PopularityGuess
from recaudit.labels.profiles import WORD, profiles, title_words
from recaudit.labels.settings import settings_named
from recaudit.labels.statistics import StatisticsLabeller, _class_tf_idf
from recaudit.labels.types import Label, Task
from recaudit.labels.verify import NO_NAME, VERIFIED, verdicts
from tests.labels import worlds

DEFAULT = settings_named("default")


@pytest.fixture(scope="module")
def world():
    return worlds.material()


@pytest.fixture(scope="module")
def terms(world):
    return profiles(world)


def drawn(world, terms, codes, seed=0):
    return Drawer(codes, world.owner, terms, DEFAULT, seed).all(range(codes.shape[1]))


def test_planted_genres_are_named_and_verified(world, terms):
    # Twenty latents, so that the test of many has others to compare with.
    codes = worlds.genre_codes(world)[:, np.arange(20) % 5]
    found = verdicts(StatisticsLabeller(terms), drawn(world, terms, codes), shuffles=19, seed=0)
    for one in found:
        assert one.label is not None
        assert worlds.GENRES[one.evidence.latent % 5] in one.label.text
        assert worlds.WORDS[one.evidence.latent % 5] in one.label.text
        assert one.confidence > 0.85
        assert one.shuffled < 0.65
    assert [one.status for one in found].count(VERIFIED) == 20


def test_noise_gets_no_verified_name(world, terms):
    codes = worlds.random_codes(world, 60)
    found = verdicts(StatisticsLabeller(terms), drawn(world, terms, codes), shuffles=20, seed=0)
    assert VERIFIED not in {one.status for one in found}
    assert [one.status for one in found].count(NO_NAME) > 50


def test_verified_names_among_random_labels_are_as_rare_as_stated(world, terms):
    """The null: every latent gets the name of another one, drawn at random, as if it were its own."""

    class Dealt(StatisticsLabeller):
        def describe(self, evidence):
            return [
                Label("x", {"terms": [term]}) for term in np.random.default_rng(self.seed).permutation(names)
            ]

    labeller = StatisticsLabeller(terms)
    codes = worlds.genre_codes(world)[:, np.arange(60) % 5]
    evidence = drawn(world, terms, codes)
    names = [label.evidence["terms"][0] for label in labeller.describe(evidence)]
    passed = []
    for seed in range(20):
        one = Dealt(terms)
        object.__setattr__(one, "seed", seed)
        found = verdicts(one, evidence, shuffles=20, seed=seed)
        passed.append(np.mean([v.p <= 0.05 for v in found]))
    # A fifth of the names fit by luck, and there nothing can beat them: the test stays below its level.
    assert np.mean(passed) <= 0.06


def test_enrichment_is_scipys(world, terms):
    codes = worlds.genre_codes(world)
    evidence = drawn(world, terms, codes)
    log_p, q, _ = StatisticsLabeller(terms)._tested(evidence)
    marks = terms.marks.toarray()
    concepts = np.flatnonzero(~terms.is_word)
    expected = np.ones((5, len(concepts)))
    for row, one in enumerate(evidence):
        for place, term in enumerate(concepts):
            both = int(marks[one.construct, term].sum())
            if both >= 3:
                drawn_, total = len(one.construct), int(marks[:, term].sum())
                expected[row, place] = hypergeom.sf(both - 1, len(world), total, drawn_)
    np.testing.assert_allclose(np.exp(log_p[:, concepts]), expected, rtol=1e-8)
    np.testing.assert_allclose(q[:, concepts].ravel(), false_discovery_control(expected.ravel()), rtol=1e-8)


def test_class_tf_idf_by_hand():
    counts = np.array([[3.0, 1.0, 0.0], [3.0, 0.0, 1.0]])
    mean_size = 4.0
    expected = [3 * np.log1p(mean_size / 6), np.log1p(mean_size / 1), 0.0]
    np.testing.assert_allclose(_class_tf_idf(counts)[0], expected)


def test_the_judge_knows_the_name_alone(world, terms):
    """Levels run from the pool's mean share (0) to the latent's own (10)."""
    column = terms.terms.index(("genre", "War"))
    shares = terms.shares[:, [column]].toarray()[:, 0]
    label = Label(
        "War", {"terms": [{"kind": "genre", "name": "War", "share": 0.8, "base": 0.2, "spread": 0.3}]}
    )
    (levels,) = StatisticsLabeller(terms).predict([Task(label, np.arange(len(world)))])
    expected = np.ceil(10 * np.clip((shares - 0.2) / 0.6, 0, 1) - 1e-9)
    np.testing.assert_array_equal(levels, expected)


def test_a_name_whose_terms_are_unknown_predicts_nothing(terms):
    label = Label("?", {"terms": [{"kind": "genre", "name": "No", "share": 1, "base": 0, "spread": 1}]})
    (levels,) = StatisticsLabeller(terms).predict([Task(label, np.arange(4))])
    assert levels.tolist() == [0, 0, 0, 0]


def test_shares_count_the_recommendation_and_the_history(world, terms):
    for entity in (0, 17, 299):
        column = terms.terms.index(("genre", worlds.GENRES[entity % 5]))
        genre = world.items.has.toarray()[:, column]
        history = genre[world.history_of(entity)].mean()
        expected = 0.3 * genre[world.focus[entity]] + 0.7 * history
        assert terms.shares[:, [column]].toarray()[entity, 0] == pytest.approx(expected)


def test_marks_are_the_top_fifth(terms):
    shares, marks = terms.shares.toarray(), terms.marks.toarray()
    for column in range(shares.shape[1]):
        above = shares[:, column] > max(np.quantile(shares[:, column], 0.8), 0) + 1e-12
        np.testing.assert_array_equal(marks[:, column] > 0, above)


def test_words_leave_out_years_function_words_and_the_rare(world):
    words, table = title_words(world.items)
    assert set(words) == {*worlds.WORDS, "film"}
    assert table.shape == (100, 6)
    assert np.asarray(table.sum(axis=0)).ravel()[words.index("film")] == 100
    assert (WORD, "night") in profiles(world).terms


def test_popularity_guess(world):
    log_popularity = np.log1p(world.items.popularity)
    own = np.array([log_popularity[[*world.history_of(e), world.focus[e]]].mean() for e in range(len(world))])
    popular = np.argsort(-own)
    evidence = worlds.evidence(n=20)
    evidence = evidence.__class__(**{**evidence.__dict__, "construct": popular[:20]})
    guess = PopularityGuess(world)
    (label,) = guess.describe([evidence])
    assert label.text == "popular"
    (levels,) = guess.predict([Task(label, popular)])
    bound = (np.median(own) + np.median(own[popular[:20]])) / 2
    np.testing.assert_array_equal(levels, np.where(own[popular] > bound, 10, 0))
