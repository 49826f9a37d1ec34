"""Which vectors a training sees, and what judges it."""

import duckdb
import numpy as np
import pytest

from recaudit.dictionaries import judge as judging
from recaudit.dictionaries.train import prepare
from recaudit.errors import NoVerdictError
from recaudit.sae.training.settings import LossWeights, Settings
from recaudit.store import read, reading

MODELS = ("bprmf", "sasrec", "vae")
SETTINGS = Settings()
KINDS_TRAINED_ON = {"bprmf": {"user"}, "sasrec": {"train", "valid"}, "vae": {"profile"}}
EVERY_KIND = ("user", "profile", "test", "valid", "latest", "train", "conditioned")


def cases_by_vector(path, name):
    """Vector to the (user, kind) of each case that has it."""
    with reading(path) as audit:
        rows = read.cases(audit, read.model_named(audit, name), EVERY_KIND)
    found = {}
    for user, kind, vector in zip(rows.user, rows.kind, rows.vectors, strict=True):
        found.setdefault(vector.tobytes(), set()).add((int(user), str(kind)))
    return found


def users_of(row, known, name):
    """Users with a case to train on that has this vector."""
    return {user for user, kind in known[row.tobytes()] if kind in KINDS_TRAINED_ON[name]}


def all_users(rows, known, name):
    return {user for row in rows for user in users_of(row, known, name)}


@pytest.mark.parametrize("name", MODELS)
def test_a_tenth_of_the_users_is_never_trained_on(stored, name):
    known = cases_by_vector(stored, name)
    data = prepare(stored, name, SETTINGS).data
    held_out = all_users(data.held_out["case"], known, name)
    assert len(held_out) == 12
    assert len(all_users(data.train["case"], known, name) | held_out) == 120
    for row in data.train["case"]:  # a short history of a held-out user may be another's too
        assert users_of(row, known, name) - held_out
    for row in data.held_out["case"]:
        assert users_of(row, known, name) <= held_out
    other = prepare(stored, name, Settings(seed=1)).data
    assert all_users(other.held_out["case"], known, name) != held_out


@pytest.mark.parametrize("name", MODELS)
def test_histories_that_figures_are_made_on_are_not_trained_on(stored, name):
    known = cases_by_vector(stored, name)
    data = prepare(stored, name, SETTINGS).data
    for row in np.concatenate([data.train["case"], data.held_out["case"]]):
        kinds = {kind for _, kind in known[row.tobytes()]}
        assert kinds & KINDS_TRAINED_ON[name]
        assert name == "bprmf" or not kinds & {"test"}
    trained_on = {row.tobytes() for row in data.train["case"]}
    with_kind = [key for key, cases in known.items() if {kind for _, kind in cases} & KINDS_TRAINED_ON[name]]
    held_out = {row.tobytes() for row in data.held_out["case"]}
    assert trained_on | held_out == set(with_kind)


def test_equal_vectors_count_once(audit):
    before = prepare(audit, "bprmf", SETTINGS).data
    with reading(audit) as found:
        rows = read.cases(found, read.model_named(found, "bprmf"), ("user",))
    held_out = {row.tobytes() for row in before.held_out["case"]}
    learned = [
        case for case, row in zip(rows.case_id, rows.vectors, strict=True) if row.tobytes() not in held_out
    ]
    with duckdb.connect(audit) as db:
        db.execute(
            "UPDATE vectors_8 SET vector = (SELECT vector FROM vectors_8 WHERE model_id = 0 AND kind = 'case' AND "
            "entity_id = ?) WHERE model_id = 0 AND kind = 'case' AND list_contains(?, entity_id)",
            [int(learned[0]), [int(case) for case in learned[10:20]]],
        )
    after = prepare(audit, "bprmf", SETTINGS).data
    assert len(after.train["case"]) == len(before.train["case"]) - 10
    assert len(np.unique(after.train["case"], axis=0)) == len(after.train["case"])


@pytest.mark.parametrize("site", ["item", "both"])
def test_a_tenth_of_the_items_too(stored, site):
    data = prepare(stored, "bprmf", Settings(site=site)).data
    assert set(data.train) == ({"item"} if site == "item" else {"case", "item"})
    assert (len(data.train["item"]), len(data.held_out["item"])) == (54, 6)
    together = np.concatenate([data.train["item"], data.held_out["item"]])
    assert len(np.unique(together, axis=0)) == 60


def test_items_alone_are_scored_for_the_users_not_held_out(stored):
    settings = Settings(site="item", loss=LossWeights(prediction=1))
    alone = prepare(stored, "bprmf", settings).data.partners["case"]
    np.testing.assert_array_equal(alone, prepare(stored, "bprmf", SETTINGS).data.train["case"])
    assert prepare(stored, "bprmf", Settings(site="item")).data.partners == {}


@pytest.mark.parametrize("name", MODELS)
def test_the_judge_asks_for_held_out_users_only(stored, monkeypatch, name):
    monkeypatch.setattr(judging, "FEWEST_TARGETS", 1)
    known = cases_by_vector(stored, name)
    prepared = prepare(stored, name, SETTINGS)
    held_out = all_users(prepared.data.held_out["case"], known, name)
    judge = prepared.judge
    assert set(judge.field.cases.user.tolist()) == held_out
    listed = judge.field.cases.user[judge.listed]
    assert set(listed.tolist()) == held_out
    # Of a sequence model also lists after shorter histories, where users are few.
    assert (len(listed) > len(held_out)) == (name == "sasrec")
    asked = judge.field.cases.user[np.searchsorted(judge.field.cases.case_id, judge.targets.case_id)]
    # A profile holds its validation items: nothing is left to ask.
    assert set(asked.tolist()) == (set() if name == "vae" else held_out)
    same = judge(lambda kind, vectors: vectors)
    assert same == ((1.0, None) if name == "vae" else (1.0, 1.0))
    overlap, ratio = judge(lambda kind, vectors: -vectors)
    assert overlap < 0.9
    assert ratio != 1.0


def test_the_judge_rebuilds_the_sites_it_is_told(stored):
    for site, kinds in (("user", {"case"}), ("item", {"item"}), ("both", {"case", "item"})):
        seen = set()

        def rebuild(kind, vectors, seen=seen):
            seen.add(kind)
            return vectors

        prepare(stored, "bprmf", Settings(site=site)).judge(rebuild)
        assert seen == kinds


def test_without_item_vectors_there_is_no_item_dictionary(audit):
    with duckdb.connect(audit) as db:
        db.execute("DELETE FROM vectors_8 WHERE model_id = 0 AND kind = 'item'")
        db.execute("DELETE FROM model_items WHERE model_id = 0")
    with pytest.raises(NoVerdictError, match="no item vectors") as refused:
        prepare(audit, "bprmf", Settings(site="item"))
    assert "--site user" in refused.value.fix
