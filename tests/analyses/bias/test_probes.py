"""The probe's ridge against a plain fit, and what its interval is of."""

import numpy as np

from recaudit.analyses.bias import probes
from recaudit.analyses.bias.material import Group


def test_scores_are_those_of_a_plain_ridge_fit_without_the_fold():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((150, 6)) * [1, 5, 0.1, 1, 1, 1] + 3
    x[:, 5] = 2.0  # what does not vary is no feature
    inside = (x[:, :2] + rng.standard_normal((150, 2)) > [3, 4]).astype(float)
    fold = rng.permutation(150) % probes.FOLDS
    found = probes.held_out_scores(x, inside, fold)
    for number in range(probes.FOLDS):
        held, train = fold == number, np.flatnonzero(fold != number)
        chosen = train[::10]
        fit = np.setdiff1d(train, chosen)
        centre, spread = x[fit].mean(axis=0), x[fit].std(axis=0)
        z = ((x - centre) / np.where(spread > 1e-9, spread, np.inf))[:, :5]
        for group in range(2):
            y = inside[:, group] - inside[fit, group].mean()
            tries = []
            for penalty in 10.0 ** np.arange(-3, 4) * len(fit):
                weights = np.linalg.lstsq(
                    np.vstack([z[fit], np.sqrt(penalty) * np.eye(5)]),
                    np.append(y[fit], np.zeros(5)),
                    rcond=None,
                )[0]
                tries.append((((z[chosen] @ weights - y[chosen]) ** 2).mean(), weights))
            best = min(tries, key=lambda one: one[0])[1]
            assert np.allclose(found[held, group], z[held] @ best, atol=1e-8)


def test_the_interval_holds_the_value_and_narrows_with_users():
    rng = np.random.default_rng(1)
    width = []
    for n in (120, 1200):
        x = rng.standard_normal((n, 4))
        side = x[:, 0] + rng.standard_normal(n) > 0
        groups = [Group("side", "a", side), Group("side", "b", ~side)]
        (found,) = probes.probe_auc(x, np.arange(n), {"side": groups}, "vectors", 0)
        assert found.low < found.value < found.high
        assert found.n == n
        width.append(found.high - found.low)
    assert width[1] < width[0] / 2
