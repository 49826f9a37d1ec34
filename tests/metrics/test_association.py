"""Every pair at once against scikit-learn and scipy, one pair at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array
from scipy.stats import false_discovery_control, hypergeom
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from recaudit.metrics import association
from recaudit.metrics.association import associations, auc_of_counts
from recaudit.metrics.enrichment import false_discovery, log_enrichment_p
from recaudit.metrics.ordering import midcounts, ordered, ordered_within


@st.composite
def worlds(draw):
    """Scores with many ties and zeros, some latents empty, some concepts of all or no entities."""
    n, latents, concepts = draw(st.integers(2, 30)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    levels = draw(st.sampled_from([2, 4, 1000]))
    scores = rng.integers(0, levels, (n, latents)) * (rng.random((n, latents)) < rng.random(latents)) / 7
    labels = rng.random((n, concepts)) < rng.choice([0, 0.1, 0.5, 0.9, 1], concepts)
    return scores, labels


def best_f1(labels, scores):
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
    best = f1.max()
    strictest = np.flatnonzero(np.isclose(f1, best, rtol=1e-12, atol=0))[-1]
    return best, precision[strictest], recall[strictest], thresholds[strictest]


@given(worlds(), st.booleans())
def test_equals_scikit_learn(world, dense):
    scores, labels = world
    found = associations(scores if dense else csc_array(scores), csr_array(labels))
    for j in range(scores.shape[1]):
        for c in range(labels.shape[1]):
            y, s = labels[:, c], scores[:, j]
            if not y.any():
                assert np.isnan([found.auc[j, c], found.ap[j, c], found.f1[j, c]]).all()
                continue
            if y.all():
                assert np.isnan(found.auc[j, c])
            else:
                assert found.auc[j, c] == pytest.approx(roc_auc_score(y, s), abs=1e-12)
            assert found.ap[j, c] == pytest.approx(average_precision_score(y, s), abs=1e-12)
            f1, precision, recall, threshold = best_f1(y, s)
            assert found.f1[j, c] == pytest.approx(f1, abs=1e-12)
            assert found.precision[j, c] == pytest.approx(precision, abs=1e-12)
            assert found.recall[j, c] == pytest.approx(recall, abs=1e-12)
            assert found.threshold[j, c] == pytest.approx(threshold, abs=1e-12)
            assert found.both[j, c] == (y & (s > 0)).sum()


@given(worlds())
def test_auc_from_one_order_holds_in_every_subset(world):
    scores, labels = world
    order = ordered(scores)
    inside = np.random.default_rng(0).random(len(scores)) < 0.6
    counts = midcounts(order, inside)
    found = auc_of_counts(counts[:, inside], csr_array(labels[inside]))
    everyone = midcounts(order, np.ones(len(scores), dtype=bool))
    np.testing.assert_array_equal(counts + midcounts(order, ~inside), everyone)
    for j in range(scores.shape[1]):
        for c in range(labels.shape[1]):
            y = labels[inside, c]
            expected = roc_auc_score(y, scores[inside, j]) if 0 < y.sum() < len(y) else np.nan
            assert found[j, c] == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_parts_are_the_whole(monkeypatch):
    rng = np.random.default_rng(1)
    scores = csc_array(np.maximum(rng.normal(size=(50, 17)), 0))
    labels = csr_array(rng.random((50, 5)) < 0.3)
    whole = associations(scores, labels)
    monkeypatch.setattr(association, "_CELLS", 20)
    parts = list(association.association_parts(scores, labels))
    assert len(parts) == 5
    np.testing.assert_array_equal(np.concatenate([part.ap for _, part in parts]), whole.ap)


def test_refuses_what_has_no_meaning():
    with pytest.raises(ValueError, match="0 or 1"):
        associations(np.ones((3, 1)), csr_array([[2], [0], [1]]))
    with pytest.raises(ValueError, match="negative"):
        associations(csc_array([[-1.0], [1.0]]), csr_array([[1], [0]]))
    with pytest.raises(ValueError, match="NaN"):
        ordered(np.array([[np.nan], [1.0]]))


def test_strata_keep_ties_apart():
    order = ordered_within(np.array([[1.0], [1.0], [0.0], [2.0]]), np.array([0, 1, 1, 0]))
    assert order.order[0].tolist() == [0, 3, 2, 1]
    assert order.first[0].tolist() == [0, 1, 2, 3]


@given(st.integers(1, 400), st.integers(0, 1 << 30))
def test_enrichment_equals_scipy(n, seed):
    rng = np.random.default_rng(seed)
    drawn, marked = rng.integers(0, n + 1, 40), rng.integers(0, n + 1, 40)
    both = rng.integers(np.maximum(0, drawn + marked - n), np.minimum(drawn, marked) + 2)
    expected = hypergeom.sf(both - 1, n, marked, drawn)
    np.testing.assert_allclose(
        np.exp(log_enrichment_p(both, drawn, marked, n)), expected, rtol=1e-9, atol=1e-300
    )


def test_enrichment_keeps_its_digits_far_out():
    both, drawn, marked, n = np.array([300]), np.array([400]), np.array([500]), 10_000
    expected = hypergeom.logsf(both - 1, n, marked, drawn)
    assert expected[0] < -700  # below what a float can hold as a probability
    np.testing.assert_allclose(log_enrichment_p(both, drawn, marked, n), expected, rtol=1e-9)


def test_false_discovery_leaves_untested_out():
    p = np.array([[0.01, np.nan], [0.04, 0.2]])
    np.testing.assert_allclose(false_discovery(p)[~np.isnan(p)], false_discovery_control([0.01, 0.04, 0.2]))
    assert np.isnan(false_discovery(p)[0, 1])
