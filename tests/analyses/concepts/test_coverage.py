"""Worlds in which it is known what a dictionary holds."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.metrics import roc_auc_score

from recaudit.analyses.concepts import coverage, pairs
from recaudit.analyses.concepts.decades import decades
from recaudit.analyses.concepts.inputs import Entities
from recaudit.analyses.concepts.monosemanticity import latent_scores
from recaudit.metrics.catalogue import BY_NAME
from recaudit.metrics.selection import MatrixScores

N = 600


def entities(labels, kinds, interactions=None):
    labels = np.asarray(labels, dtype=float)
    names = [f"c{i}" for i in range(labels.shape[1])]
    frame = pd.DataFrame({"concept_id": np.arange(len(names)), "kind": kinds, "name": names})
    counts = np.arange(len(labels)) if interactions is None else interactions
    return Entities("item", np.arange(len(labels)), csr_array(labels), frame, counts)


@pytest.fixture(scope="module")
def planted():
    """Five concepts: two have a latent of their own, one is popularity, one is noise, one is rare."""
    rng = np.random.default_rng(0)
    popularity = rng.permutation(N)
    labels = rng.random((N, 5)) < [0.2, 0.3, 0, 0.3, 0.02]
    labels[:, 2] = popularity + rng.normal(0, 30, N) > 0.7 * N
    scores = np.maximum(rng.normal(size=(N, 20)), 0)
    scores[:, 0] += 1.5 * labels[:, 0]
    scores[:, 1] += 0.8 * labels[:, 1]
    scores[:, 2] = popularity // (N // 10) + rng.random(N)  # knows the tenth of popularity, nothing else
    nulls = [MatrixScores(np.maximum(rng.normal(size=(N, 20)), 0)) for _ in range(3)]
    return MatrixScores(scores), nulls, entities(labels, ["genre"] * 5, popularity)


def test_verdicts_are_what_was_planted(planted):
    found = coverage.covered(*planted, seed=0)
    table = found.table.set_index("name")
    assert table["verdict"].tolist() == ["covered", "covered", "popularity only", "not covered", "too few"]
    assert table["latent"][:3].tolist() == [0, 1, 2]
    assert (table["pick_share"][:3] == 1).all()
    assert pd.isna(table["latent"]["c4"])
    assert table["auc"]["c2"] > 0.9
    assert table["within_auc"]["c2"] < 0.7
    assert table["random_auc"].iloc[:4].between(0.42, 0.58).all()
    assert (table["low"] <= table["auc"])[:4].all()
    assert found.mean_auc[0] == pytest.approx(table["auc"].mean())
    assert found.mean_gain[0] == pytest.approx((table["auc"] - table["random_auc"]).mean())


def test_interval_covers_the_truth_that_fresh_entities_show():
    rng = np.random.default_rng(1)
    truth = roc_auc_score(
        np.repeat([0, 1], 20_000), np.concatenate([rng.normal(size=20_000), rng.normal(1, 1, 20_000)])
    )
    inside = 0
    for world in range(60):
        rng = np.random.default_rng([2, world])
        labels = rng.random((200, 1)) < 0.4
        scores = rng.normal(size=(200, 6))
        scores[:, 3] += labels[:, 0]
        found = coverage.covered(
            MatrixScores(scores),
            [MatrixScores(rng.normal(size=(200, 6)))],
            entities(labels, ["genre"]),
            seed=0,
        ).table
        inside += bool(found["low"][0] <= truth <= found["high"][0])
    assert inside >= 52  # 95 % of 60 is 57; below 52 has probability .01


def test_random_dictionaries_cover_nothing():
    wrong = 0
    for world in range(5):
        rng = np.random.default_rng([3, world])
        labels = rng.random((300, 20)) < 0.3
        noise = [MatrixScores(rng.normal(size=(300, 30))) for _ in range(4)]
        found = coverage.covered(noise[0], noise[1:], entities(labels, ["tag"] * 20), seed=world)
        wrong += found.table["verdict"].eq("covered").sum()
    assert wrong <= 2


def test_metrics_follow_the_table(planted):
    found = coverage.covered(*planted, seed=0)
    metrics = {(m.metric, tuple(sorted((m.slice or {}).items()))): m for m in coverage.metrics(found)}
    assert metrics["coverage.covered", ()].value == 0.75
    assert metrics["coverage.covered_within", ()].value == 0.5
    assert metrics["coverage.covered", ()].n == 4
    assert metrics["coverage.best_auc", (("concept", "c0"), ("kind", "genre"))].value == found.table["auc"][0]
    assert ("coverage.best_auc", (("concept", "c4"), ("kind", "genre"))) not in metrics
    assert {name for name, _ in metrics} <= set(BY_NAME)


def test_difference_to_a_control_is_paired(planted):
    scores, nulls, items = planted
    own = coverage.covered(scores, nulls, items, seed=0)
    control = coverage.covered(nulls[0], nulls, items, seed=0)
    (found,) = coverage.over_control(own, control, "untrained", seed=0)
    assert found.value == pytest.approx(own.mean_auc[0] - control.mean_auc[0])
    assert 0 < found.low < found.value < found.high
    (itself,) = coverage.over_control(own, own, "untrained", seed=0)
    assert (itself.value, itself.low, itself.high) == (0, 0, 0)


def test_nothing_testable_gives_no_numbers():
    rng = np.random.default_rng(0)
    few = entities(rng.random((20, 2)) < 0.5, ["genre"] * 2)
    found = coverage.covered(
        MatrixScores(rng.random((20, 3))), [MatrixScores(rng.random((20, 3)))], few, seed=0
    )
    assert found.table["verdict"].tolist() == ["too few"] * 2
    assert coverage.metrics(found) == []


def test_pairs_find_what_was_planted(planted):
    scores, _, items = planted
    table, (share,) = pairs.all_pairs(scores, items, fires_above_zero=False)
    best = table.sort_values("auc", ascending=False).groupby("name").first()
    assert best["latent"][["c0", "c1", "c2"]].tolist() == [0, 1, 2]
    assert (best["enrichment_q"][["c0", "c1", "c2"]] < 0.02).all()
    assert (best["rank_q"][["c0", "c1", "c2"]] < 1e-3).all()
    row = table[(table["latent"] == 0) & (table["name"] == "c0")].iloc[0]
    has = items.labels.toarray()[:, 0] == 1
    values = scores.matrix[:, 0]
    assert row["auc"] == pytest.approx(roc_auc_score(has, values))
    assert row["mean_with"] == pytest.approx(values[has].mean())
    assert row["n_strong"] == 30
    assert row["n_both"] == has[np.argsort(-values)[:30]].sum()
    assert share.value <= 0.3
    assert share.n == 20


def test_of_a_large_kind_the_strongest_pairs_are_kept():
    rng = np.random.default_rng(5)
    labels = rng.random((80, 60)) < 0.3
    scores = rng.normal(size=(80, 40))
    table, _ = pairs.all_pairs(MatrixScores(scores), entities(labels, ["tag"] * 60), fires_above_zero=False)
    assert 60 * 20 <= len(table) < 60 * 40
    for latent, part in list(table.groupby("latent"))[:8]:
        aucs = [roc_auc_score(labels[:, c], scores[:, latent]) for c in range(60)]
        assert {f"c{c}" for c in np.argsort(aucs)[::-1][:10]} <= set(part["name"])


def test_latents_of_one_kind_of_item_are_monosemantic_pure_and_of_one_time():
    rng = np.random.default_rng(6)
    cluster = rng.integers(0, 6, N)
    labels = np.concatenate([np.eye(6)[cluster], np.eye(3)[cluster % 3]], axis=1)
    items = entities(labels, ["genre"] * 6 + ["decade"] * 3)
    independent = np.eye(6)[cluster] + rng.normal(0, 0.2, (N, 6))
    scores = np.concatenate(
        [np.eye(6)[cluster] * rng.random((N, 1)), np.maximum(rng.normal(size=(N, 6)), 0), np.zeros((N, 1))],
        axis=1,
    )
    spaces = {"independent": independent, "own": rng.normal(size=(N, 8))}
    table, metrics = latent_scores(MatrixScores(scores), items, spaces, seed=0)
    of = table.set_index(["score", "latent"])
    assert (of.loc["ms-all-independent"]["value"][:6] > 0.7).all()
    assert (of.loc["ms-all-independent"]["q"][:6] < 1e-6).all()
    assert (of.loc["ms-all-independent"]["q"][6:] > 0.01).all()
    assert (of.loc["ms-all-own"]["q"] > 0.01).all()
    assert (of.loc["purity"]["value"][:6] == 1).all()
    assert of.loc["purity"]["concept"][:6].tolist() == [f"c{i}" for i in range(6)]
    numbers = {(m.metric, tuple((m.slice or {}).values())): m for m in metrics}
    assert numbers["monosemanticity.left_out", ()].value == 1
    assert numbers["monosemanticity.mean", ()].n == 12
    assert {m.metric for m in metrics} <= set(BY_NAME)
    concentrated, histogram, temporal = decades(MatrixScores(scores), items, seed=0)
    # The all-zero latent has no strongest items; a genre's decade is a function of the genre.
    assert (concentrated.set_index("latent")["q"][:6] < 0.01).all()
    assert (concentrated.set_index("latent")["q"][6:] > 0.01).all()
    assert concentrated["latent"].tolist() == list(range(12))
    assert histogram.groupby("latent")["share"].sum().to_numpy() == pytest.approx(1)
    assert {m.metric for m in temporal} <= set(BY_NAME)
