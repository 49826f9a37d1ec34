"""Whole diffs, of models of which it is known what differs."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from contextlib import ExitStack

import numpy as np
import pytest

from recaudit.analyses.diff import compare
from recaudit.analyses.diff.changes import Basis
from recaudit.analyses.diff.concepts import Fate
from recaudit.analyses.diff.latents import CORRELATION, COSINE
from recaudit.analyses.diff.metrics import Direction
from recaudit.dictionaries.train import TrainRequest, train_dictionary
from recaudit.errors import UsageError
from recaudit.metrics.popularity import mean_over_places
from recaudit.report.diff import json as diff_json
from recaudit.sae.training.settings import Settings
from recaudit.store import reading
from tests.analyses.diff import worlds


def diff(a, b, **keywords):
    """Of two models, each ``(file, name)``."""
    with ExitStack() as stack:
        first = stack.enter_context(reading(a[0]))
        second = first if a[0] == b[0] else stack.enter_context(reading(b[0]))
        return compare(first, a[1], second, b[1], **keywords)


@pytest.fixture(scope="session")
def lost(planted):
    """From the plain model to the one that knows no horror."""
    return diff((planted, "plain"), (planted, "no-horror"))


def codes(found):
    return [one.code for one in found.findings]


def test_a_model_beside_itself_is_unchanged(planted, tmp_path):
    for other in (planted, shutil.copy(planted, tmp_path / "copy.duckdb")):
        found = diff((planted, "plain"), (other, "plain"))
        assert found.nothing_changed
        assert codes(found) == ["diff.nothing_changed"]
        assert {one.direction for one in found.metrics} <= {Direction.SAME, Direction.UNTESTED}
        assert all((one.change.value, one.change.low or 0) <= (0, 0) for one in found.metrics)
        assert found.latents.by == COSINE
        assert [(pair.a, pair.score) for pair in found.latents.pairs] == [
            (pair.b, 1.0) for pair in found.latents.pairs
        ]
        assert found.lists.same == found.lists.users == 400
        assert not found.lists.most_changed
        assert found.same_people in (None, 1.0)
        assert not found.missing


def test_latents_in_another_order_are_matched_perfectly(planted):
    found = diff((planted, "plain"), (planted, "shuffled")).latents
    assert found.by == CORRELATION  # the files differ, so nothing says that the spaces agree
    assert len(found.kept) == len(found.pairs) == found.compared_a == found.compared_b
    assert {pair.score for pair in found.pairs} == {1.0}
    assert {pair.overlap for pair in found.pairs} == {1.0}
    assert found.overlap_by_chance < 0.5
    assert (found.merged, found.split, found.lost, found.new) == ((), (), (), ())


def test_a_genre_that_a_model_does_not_know_is_lost(lost):
    fates = {one.name: one.fate for one in lost.concepts[0].changes if one.kind == "genre"}
    assert fates.pop("Horror") is Fate.LOST
    assert set(fates.values()) <= {Fate.KEPT, Fate.UNDECIDED}
    assert "diff.concepts_lost" in codes(lost)
    (said,) = [one for one in lost.findings if one.code == "diff.concepts_lost"]
    assert said.severity == "serious"
    assert "Horror" in said.sentence
    assert lost.lists.concepts[0].name == "Horror"
    assert lost.lists.concepts[0].change.high < 0


def test_its_ranking_is_worse_paired_over_the_same_users(lost):
    (ndcg,) = [
        one
        for one in lost.metrics
        if (one.a.metric, one.a.slice) == ("ranking.ndcg@10", {"ranking": "original"})
    ]
    assert ndcg.direction is Direction.WORSE
    assert ndcg.change.basis is Basis.PAIRED
    assert codes(lost)[0].startswith("diff.ranking") or codes(lost)[0] == "diff.concepts_lost"


def test_the_other_way_round_it_is_found(planted, lost):
    back = diff((planted, "no-horror"), (planted, "plain"))
    assert {one.name for one in back.concepts[0].of(Fate.NEW)} == {
        one.name for one in lost.concepts[0].of(Fate.LOST)
    }
    assert [one.change.value for one in back.metrics] == [-one.change.value for one in lost.metrics]
    there, here = ({(p.a, p.b) for p in one.latents.kept} for one in (lost, back))
    assert there == {(b, a) for a, b in here}
    assert back.lists.overlap.value == lost.lists.overlap.value


def rows_of(path, sql):
    with reading(path) as audit:
        return audit.rows(sql)


@pytest.fixture(scope="session")
def plain_lists(planted):
    """Raw item ids of every user's list, by model: made from SQL, without any of the diff's own code."""
    sql = (
        "SELECT m.name, u.raw_id, list(i.raw_id ORDER BY rank) FROM recommendations r JOIN models m USING (model_id) "
        "JOIN cases c USING (model_id, case_id) JOIN users u ON u.dataset_id = m.dataset_id AND u.user_id = c.user_id "
        "JOIN items i ON i.dataset_id = m.dataset_id AND i.item_id = r.item_id WHERE r.sae_id IS NULL "
        "AND r.protocol = m.protocol AND c.kind = 'user' GROUP BY ALL"
    )
    found = {}
    for model, user, items in rows_of(planted, sql):
        found.setdefault(model, {})[user] = items
    return found


def test_lists_are_compared_as_plain_sets(lost, plain_lists):
    a, b = plain_lists["plain"], plain_lists["no-horror"]
    common = [len(set(a[user]) & set(b[user])) for user in a]
    assert lost.lists.users == len(a) == len(b)
    assert lost.lists.overlap.value == pytest.approx(np.mean(common) / 10)
    assert lost.lists.counts == tuple(Counter(common)[n] for n in range(11))
    assert lost.lists.same == sum(a[user] == b[user] for user in a)
    for one in lost.lists.most_changed:
        assert [item.raw_id for item in one.a] == a[one.user]
        assert [item.raw_id for item in one.b] == b[one.user]
        assert one.overlap == len(set(a[one.user]) & set(b[one.user])) / 10
    least = min(rank_biased(a[user], b[user]) for user in a)
    assert lost.lists.most_changed[0].rbo == pytest.approx(least)


def rank_biased(a, b, p=0.9):
    """RBO_ext from its definition."""
    agreement = [len(set(a[:d]) & set(b[:d])) / d for d in range(1, 11)]
    return (1 - p) * sum(x * p**d for d, x in enumerate(agreement)) + agreement[-1] * p**10


def test_items_and_bands_are_counted_as_plainly(planted, lost, plain_lists):
    places = {
        name: Counter(item for items in plain_lists[name].values() for item in items) for name in plain_lists
    }
    for one in (*lost.lists.gained, *lost.lists.lost):
        raw = one.item.raw_id
        assert (one.places_a, one.places_b) == (places["plain"][raw], places["no-horror"][raw])
    genre = dict(rows_of(planted, _GENRES))
    for shift in lost.lists.concepts:
        share = sum(n for raw, n in places["no-horror"].items() if genre[raw] == shift.name) / 4000
        assert shift.share_b == pytest.approx(share)
    assert sum(band.share_a for band in lost.lists.bands) == pytest.approx(1)


_GENRES = (
    "SELECT DISTINCT raw_id, c.name FROM item_concepts ic JOIN concepts c USING (dataset_id, concept_id) "
    "JOIN items i ON i.dataset_id = ic.dataset_id AND i.item_id = ic.item_id WHERE c.kind = 'genre'"
)


def test_an_interval_of_places_is_about_the_normal_one(lost):
    shift = lost.lists.concepts[0]
    assert shift.change.value == pytest.approx(shift.share_b - shift.share_a)
    assert 0.01 < shift.change.high - shift.change.low < 0.1
    assert mean_over_places(np.array([[0, 1]]), np.array([1, 0])) == pytest.approx([0.5])


def test_models_of_different_users_are_said_to_be_unpaired(planted, strangers):
    found = diff((planted, "plain"), (strangers, None))
    assert not found.paired
    assert "diff.unpaired" in codes(found)
    assert {one.change.basis for one in found.metrics} <= {Basis.UNPAIRED, Basis.INTERVALS, Basis.NONE}
    assert {one.direction for one in found.metrics} <= {
        Direction.SAME,
        Direction.UNDECIDED,
        Direction.UNTESTED,
    }
    assert found.lists is None
    assert found.latents is None
    assert "no user has a list on both sides" in found.missing["lists"]
    assert "too few" in found.missing["latents"]
    assert "recaudit concepts" in found.missing["concepts"]


def test_ids_that_mean_other_people_are_noticed(planted, audit_path):
    """Both data sets count their users from 1."""
    found = diff((planted, "plain"), (audit_path, "bprmf"))
    assert found.paired
    assert found.same_people < 0.2
    assert found.findings[0].code == "diff.other_people"
    assert diff((planted, "plain"), (planted, "shuffled")).same_people == 1


def test_two_seeds_of_one_model_share_what_is_in_the_model(planted, tmp_path):
    """Five genres are planted: most come back as latents under another seed, and none in an untrained dictionary."""
    path = shutil.copy(planted, tmp_path / "seeds.duckdb")
    for seed in (0, 1):
        settings = Settings(seed=seed, latents=6, k=2, max_steps=600)
        train_dictionary(TrainRequest(path, settings, model="plain", name=f"seed{seed}"))
    found = diff((path, "plain"), (path, "plain"), sae_a="seed0", sae_b="seed1")
    assert (found.a.label, found.b.label) == ("plain by seed0", "plain by seed1")
    assert found.latents.by == COSINE
    assert 3 <= len(found.latents.kept) <= len(worlds.GENRES)
    assert "diff.same_model" in codes(found)
    assert found.lists.same == found.lists.users
    assert not found.nothing_changed
    untrained = diff((path, "plain"), (path, "plain"), sae_a="seed0", sae_b="seed1:untrained")
    assert not untrained.latents.kept


def test_the_same_seed_gives_the_same_bytes(planted, lost):
    again = diff((planted, "plain"), (planted, "no-horror"))
    assert diff_json.render(again) == diff_json.render(lost)
    assert json.loads(diff_json.render(lost))["schema_version"] == 1


def test_a_protocol_that_a_model_is_not_measured_under_is_named(planted):
    with pytest.raises(UsageError, match="no protocol named"):
        diff((planted, "plain"), (planted, "shuffled"), protocol="nonsense")
    found = diff((planted, "plain"), (planted, "shuffled"), protocol="recbole-seq")
    assert found.lists is None
    assert "plain and shuffled is not measured under recbole-seq" in found.missing["ranking"]
    assert "recaudit report plain --protocol recbole-seq" in found.missing["ranking"]
