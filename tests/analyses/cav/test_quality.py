"""A planted concept is present, a random one is not, and p is calibrated where there is nothing."""

import numpy as np
import pytest
from scipy import stats

from recaudit.analyses.cav import quality
from recaudit.analyses.cav.directions import fitted, resampled, workbench
from recaudit.analyses.cav.labels import Labels, popularity_deciles
from recaudit.analyses.cav.settings import Settings
from tests.analyses.cav.worlds import planted


def prepared(y, settings, x=None):
    x = planted()[0] if x is None else x
    labels = Labels(y, np.ones_like(y))
    bench = workbench(x, labels, settings)
    return bench, labels, *fitted(bench, labels, settings)


@pytest.mark.parametrize("null", ["free", "deciles"])
def test_p_is_uniform_for_random_labels(null):
    settings = Settings(permutations=49, null=null)
    x, _ = planted(n=100, dim=4)
    y = np.random.default_rng(5).random((100, 120)) < 0.3
    bench, labels, fits, _ = prepared(y, settings, x)
    p = quality.permutation_p(bench, labels, fits, popularity_deciles(np.arange(100)), settings)
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert np.mean(p <= 0.06) < 0.14


def test_a_planted_concept_is_found():
    settings = Settings(permutations=49, bootstraps=20)
    x, y = planted(strength=3.0)
    bench, labels, fits, solution = prepared(y, settings, x)
    counts = np.random.default_rng(0).multinomial(240, np.full(240, 1 / 240), 20).T.astype(float)
    judged = quality.held_out(bench, labels, fits, counts, settings)
    assert (judged.auc > 0.75).all()
    assert (judged.low < judged.auc).all()
    assert (judged.auc < judged.high).all()
    assert (judged.average_precision > judged.base_rate + 0.2).all()
    assert (judged.balanced_accuracy > 0.65).all()
    assert judged.fold_auc.shape == (3, 25)
    np.testing.assert_allclose(judged.fold_auc.mean(axis=1), judged.auc)
    p = quality.permutation_p(bench, labels, fits, popularity_deciles(np.arange(240)), settings)
    np.testing.assert_allclose(p, 0.02)
    draws = resampled(bench, labels, fits, solution, counts)
    assert draws.shape == (20, 3, 6)
    steady = quality.stability(draws)
    pairs = [d.astype(float) @ e.astype(float) for i, d in enumerate(draws[:, 0]) for e in draws[:i, 0]]
    assert steady[0] == pytest.approx(np.mean(pairs), abs=1e-6)
    assert ((draws @ fits.direction.T.astype(np.float32)).mean(axis=0).diagonal() > 0.8).all()


def test_free_nulls_are_shared_by_concepts_of_one_size(monkeypatch):
    settings = Settings(permutations=19)
    x, y = planted()
    y = np.column_stack([y[:, 0], y[::-1, 0]])
    bench, labels, fits, _ = prepared(y, settings, x)
    fits = type(fits)(np.ones(2), fits.direction, fits.norm, fits.intercept)
    calls = []
    own = quality._null_aucs
    monkeypatch.setattr(quality, "_null_aucs", lambda *given: calls.append(given[2]) or own(*given))
    quality.permutation_p(bench, labels, fits, np.zeros(240, np.int64), settings)
    assert calls == [0]


def test_shuffled_labels_keep_each_stratums_count():
    rng = np.random.default_rng(0)
    positive, used = rng.random(200) < 0.2, rng.random(200) < 0.9
    stratum = rng.integers(0, 5, 200)
    drawn = quality.shuffled(positive, used, stratum, 30, rng)
    assert not drawn[~used].any()
    for number in range(5):
        inside = stratum == number
        np.testing.assert_array_equal(drawn[inside].sum(axis=0), (positive & used & inside).sum())
    assert len({column.tobytes() for column in drawn.T}) == 30


def test_cosines_of_random_concepts_spread_like_random_directions():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 25))
    y = rng.random((500, 20)) < 0.2
    bench, labels, fits, _ = prepared(y, Settings(scaling="raw"), x)
    found = quality.random_cosines(bench, labels, fits, np.zeros(500, np.int64), Settings())
    assert found.std() == pytest.approx(1 / np.sqrt(25), rel=0.15)
    assert abs(found.mean()) < 0.02


@pytest.mark.parametrize(
    ("enough", "q", "low", "steady", "said"),
    [
        (False, 0.0, 0.9, 1.0, "insufficient"),
        (True, 0.06, 0.9, 1.0, "not present"),
        (True, 0.05, 0.59, 1.0, "not present"),
        (True, 0.05, 0.6, 0.79, "unstable"),
        (True, 0.05, 0.6, 0.8, "present"),
    ],
)
def test_verdicts(enough, q, low, steady, said):
    assert quality.verdict(enough, q, low, steady, Settings()) == said


def test_false_discovery_leaves_nan_out():
    q = quality.false_discovery(np.array([0.01, np.nan, 0.04]))
    np.testing.assert_allclose(q, [0.02, np.nan, 0.04])
