"""What is drawn about CAVs is what was stored: points, angles, maps and correlations agree with each other."""

import numpy as np
import pytest
from scipy import stats

from recaudit.analyses.cav.settings import Settings
from recaudit.store import cav as store
from recaudit.store import cav_plots, read, reading

VARIANT = Settings().variant


@pytest.fixture
def audit(sampled):
    with reading(sampled) as audit:
        yield audit


@pytest.fixture
def model(audit):
    return read.model_named(audit, "sasrec")


@pytest.fixture
def table(audit, model):
    return store.table(audit, model, VARIANT).set_index("concept")


@pytest.mark.parametrize("y", cav_plots.RATINGS)
def test_the_points_have_the_correlation_that_is_stored(audit, model, table, y):
    found = cav_plots.scatter(audit, model, int(table.at["Comedy", "cav_id"]), y=y, most=-1)
    assert found.concept == "Comedy"
    assert found.y_label == cav_plots.RATINGS[y]
    assert len(found.points) == found.n > 100
    assert found.value == pytest.approx(
        stats.spearmanr(found.points["x"], found.points["y"]).statistic, abs=1e-3
    )  # stored in single precision, ties may break
    assert found.low < found.value < found.high


def test_a_sample_of_points_is_the_same_every_time(audit, model, table):
    comedy = int(table.at["Comedy", "cav_id"])
    whole = cav_plots.scatter(audit, model, comedy, most=-1)
    some, again, others = (cav_plots.scatter(audit, model, comedy, most=50, seed=seed) for seed in (0, 0, 1))
    assert len(some.points) == 50
    assert some.n == whole.n
    assert some.points.equals(again.points)
    assert not some.points.equals(others.points)
    assert set(some.points["user"]) <= set(whole.points["user"])


def test_nothing_to_scatter(audit, model, table):
    insufficient = table.index[table["verdict"] == "insufficient"][0]
    assert cav_plots.scatter(audit, model, int(table.at[insufficient, "cav_id"])) is None
    assert cav_plots.scatter(audit, model, 99_999) is None


def test_the_angle_matrix_is_that_of_the_directions(audit, model, table):
    assert cav_plots.kinds(audit, model, VARIANT)[0] == "genre"
    found = cav_plots.angle_matrix(audit, model, VARIANT, "genre")
    directions = store.directions(audit, model.model_id, found.cav_id.tolist())
    np.testing.assert_allclose(found.cosine, directions @ directions.T, atol=1e-5)
    np.testing.assert_allclose(
        found.degrees, np.degrees(np.arccos(np.clip(directions @ directions.T, -1, 1))), atol=0.2
    )
    assert [table.at[name, "cav_id"] for name in found.concept] == found.cav_id.tolist()
    assert [table.at[name, "place"] for name in found.concept] == list(range(len(found.concept)))
    assert (found.low <= found.high).all()
    assert found.null_low < 0 < found.null_high
    children, animation = found.concept.index("Children"), found.concept.index("Animation")
    assert found.beyond_chance[children, animation]
    assert found.beyond_chance[animation, children]
    assert not found.beyond_chance.diagonal().any()
    assert cav_plots.angle_matrix(audit, model, VARIANT, "no such kind") is None


def test_neighbours_in_the_matrix_are_alike(audit, model):
    """The order is worth having: what stands side by side is nearer than what does not."""
    found = cav_plots.angle_matrix(audit, model, VARIANT, "genre")
    beside = np.diagonal(found.cosine, 1).mean()
    assert beside > found.cosine[np.triu_indices(len(found.cosine), 1)].mean() + 0.1


def test_the_map_holds_the_share_it_says(audit, model):
    found = cav_plots.concept_map(audit, model, VARIANT, "genre")
    assert found.points["x"].pow(2).mean() == pytest.approx(found.x_share, abs=1e-6)
    assert found.points["y"].pow(2).mean() == pytest.approx(found.y_share, abs=1e-6)
    assert found.x_share >= found.y_share > 0
    length = np.hypot(found.points["x"], found.points["y"])
    assert (length <= 1).all()
    assert length.is_monotonic_decreasing
    assert set(found.clouds.groupby("concept").size()) == {20}  # as many as the run's bootstraps
    centre = found.clouds.groupby("cav_id")[["x", "y"]].mean().loc[found.points["cav_id"]]
    nearest = np.linalg.norm(
        found.points[["x", "y"]].to_numpy()[:, None] - centre.to_numpy()[None], axis=2
    ).argmin(1)
    assert (nearest == np.arange(len(nearest))).mean() > 0.7
    assert cav_plots.concept_map(audit, model, VARIANT, "no such kind") is None


def test_correlations_side_by_side_are_those_of_each_concept(audit, model, table):
    found = cav_plots.alignments(audit, model, VARIANT).set_index("concept")
    assert found["centred"].is_monotonic_decreasing
    own = store.alignment(audit, model, int(found.at["Comedy", "cav_id"]))
    own = own[(own["ratings"] == found.at["Comedy", "ratings"]) & (own["correlation"] == "spearman")]
    for column, (rating, sensitivity, adjusted) in {
        "share": ("share", "raw", False),
        "mean": ("mean", "raw", False),
        "centred": ("centred", "raw", False),
        "cosine": ("centred", "cosine", False),
        "adjusted": ("centred", "raw", True),
    }.items():
        (row,) = own[
            (own["rating"] == rating) & (own["sensitivity"] == sensitivity) & (own["adjusted"] == adjusted)
        ].itertuples()
        for suffix, value in (("", row.value), ("_low", row.low), ("_high", row.high), ("_q", row.q)):
            assert found.at["Comedy", column + suffix] == value
    shared = found.index.intersection(table.index)
    np.testing.assert_array_equal(found.loc[shared, "centred"], table.loc[shared, "rating"])
