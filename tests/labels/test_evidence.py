"""Who names a latent never verifies it; who has too little evidence is not named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array

from recaudit.labels.evidence import INSUFFICIENT, WEAK, Drawer
from recaudit.labels.levels import decile_edges, deciles, own_levels
from recaudit.labels.profiles import profiles
from recaudit.labels.settings import settings_named
from tests.labels import worlds

DEFAULT, PUBLISHED = settings_named("default"), settings_named("recsae")


@pytest.fixture(scope="module")
def world():
    return worlds.material()


@pytest.fixture(scope="module")
def terms(world):
    return profiles(world)


@given(
    seed=st.integers(0, 2**20),
    n_users=st.integers(1, 120),
    firing=st.floats(0.02, 1),
)
def test_nobody_is_on_both_sides(world, terms, seed, n_users, firing):
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, n_users, len(world))
    dense = rng.uniform(0.1, 2, (len(world), 3)) * (rng.random((len(world), 3)) < firing)
    codes = csc_array(dense)
    for one in Drawer(codes, owner, terms, DEFAULT, seed).all(range(3)):
        active = np.flatnonzero(dense[:, one.latent])
        assert one.n_owners == len(np.unique(owner[active]))
        if one.n_owners < 2 * DEFAULT.least:
            assert one.refused in (INSUFFICIENT, WEAK)
        if one.refused is not None:
            assert len(one.trials) == len(one.construct) == 0
            continue
        construct = set(owner[one.construct])
        assert len(construct) == len(one.construct)
        assert construct.isdisjoint(owner[one.trials])
        assert len(set(owner[one.trials])) == len(one.trials)
        assert len(one.construct) >= DEFAULT.least
        assert len(one.verify) >= DEFAULT.least
        assert (dense[one.construct, one.latent] > 0).all()
        assert (dense[one.verify, one.latent] > 0).all()
        assert (dense[one.random, one.latent] == 0).all()
        assert (dense[one.hard, one.latent] == 0).all()


def test_strong_entities_are_the_strongest_of_distinct_users(world, terms):
    codes = worlds.genre_codes(world)
    (one,) = Drawer(codes, world.owner, terms, DEFAULT, 0).all([2])
    values = codes[:, [2]].toarray()[:, 0]
    strongest = np.argsort(-values)[:40]
    assert set(one.construct) | set(one.verify) == set(strongest)
    assert one.construct_levels.tolist() == np.ceil(10 * values[one.construct] / values.max()).tolist()
    assert len(one.verify) == len(one.random) == 20


def test_hard_controls_stand_out_in_the_latents_genre(world, terms):
    codes = worlds.genre_codes(world).tolil()
    codes[0::10, 0] = 0  # half of the friends of horror do not make the latent fire
    (one,) = Drawer(csc_array(codes), world.owner, terms, DEFAULT, 0).all([0])
    assert one.contrast == "Horror"
    assert len(one.hard) > 5
    column = terms.terms.index(("genre", "Horror"))
    shares = terms.shares[:, [column]].toarray()[:, 0]
    assert shares[one.hard].min() > np.quantile(shares, 0.8)
    assert set(one.hard).isdisjoint(one.random)


def test_a_draw_depends_on_its_latent_and_the_seed_alone(world, terms):
    codes = worlds.genre_codes(world)
    together = Drawer(codes, world.owner, terms, DEFAULT, 3).all(range(5))
    (alone,) = Drawer(codes, world.owner, terms, DEFAULT, 3).all([4])
    assert alone.trials.tolist() == together[4].trials.tolist()
    (other,) = Drawer(codes, world.owner, terms, DEFAULT, 4).all([4])
    assert alone.trials.tolist() != other.trials.tolist()


def test_a_latent_without_idle_users_has_no_contrast_to_be_tried_on(world, terms):
    codes = csc_array(np.random.default_rng(0).uniform(1, 2, (len(world), 1)))
    (one,) = Drawer(codes, world.owner, terms, DEFAULT, 0).all([0])
    assert one.refused == INSUFFICIENT


def test_a_latent_below_the_fifth_decile_is_weak(world, terms):
    dense = np.zeros((len(world), 2))
    dense[:200, 0] = np.linspace(5, 9, 200)
    dense[100:120, 1] = 0.1
    assert Drawer(csc_array(dense), world.owner, terms, DEFAULT, 0).all([1])[0].refused == WEAK


@pytest.mark.parametrize(("active", "shared"), [(3, 3), (7, 3), (10, 0)])
def test_the_published_procedure_verifies_on_what_it_named_from(world, terms, active, shared):
    dense = np.zeros((len(world), 1))
    dense[:active, 0] = np.linspace(1, 2, active)
    dense[active:, 0] = 0
    # All activations of the dictionary count for the deciles: give it weak ones elsewhere.
    dense = np.column_stack([dense, np.where(np.arange(len(world)) >= 100, 0.1, 0)])
    (one,) = Drawer(csc_array(dense), world.owner, terms, PUBLISHED, 0).all([0])
    assert len(set(one.construct) & set(one.verify)) == shared
    assert len(one.verify) == min(active, 5)
    assert len(one.random) == 5
    assert len(one.hard) == 0


def test_global_deciles_are_pandas_qcut():
    values = np.random.default_rng(0).gamma(2, size=997)
    codes = csc_array(values[:, None])
    expected = pd.qcut(pd.Series(values), 10, labels=False).to_numpy() + 1
    np.testing.assert_array_equal(deciles(values, decile_edges(codes)), expected)
    assert deciles(np.zeros(2), decile_edges(codes)).tolist() == [0, 0]


def test_own_levels():
    assert own_levels(np.array([0, 0.1, 1.0, 1.01, 3.0, 10.0]), 10.0).tolist() == [0, 1, 1, 2, 3, 10]
    assert own_levels(np.array([0.3]), 0.3).tolist() == [10]
    assert own_levels(np.array([0.0]), 0.0).tolist() == [0]
    assert own_levels(np.array([0.7 * 3]), 3.0).tolist() == [7]
