"""Searching for an intervention: chosen on some users, reported on others, beside methods without a dictionary."""

import shutil

import numpy as np
import pytest

from recaudit.errors import ExitCode, UsageError
from recaudit.interventions import search
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.search import edit_of, leverage, searched
from recaudit.interventions.sentences import found_in_words
from recaudit.interventions.steering import Steering
from recaudit.interventions.targets import log_popularity, target_named
from recaudit.metrics import popularity
from recaudit.store import reading


@pytest.fixture
def steering(opened):
    audit, model, sae = opened
    return Steering.of_audit(audit, model, sae, watched=["Horror"])


@pytest.fixture
def found(steering, monkeypatch):
    monkeypatch.setattr(search, "SHARES", (0.05, 0.2))
    return searched(
        steering, target_named(steering, "popularity"), max_loss=0.5, latents=(2, 8), strengths=(0.5, 2.0)
    )


def test_halves_share_no_user_and_leave_none_out(found, steering):
    halves, inputs = found.halves, steering.bench.inputs
    assert not (halves.validation & halves.test).any()
    assert (halves.validation | halves.test).all()
    chosen_on = set(inputs.listed_users[halves.validation]) | set(
        inputs.target_users[halves.validation_targets]
    )
    reported_on = set(inputs.listed_users[halves.test]) | set(inputs.target_users[halves.test_targets])
    assert not chosen_on & reported_on


def test_the_best_of_each_method_is_the_best_allowed_on_validation_users(found):
    assert found.chosen
    for method, one in found.chosen.items():
        allowed = [p for p in found.points if p.method == method and p.kept[0] >= 0.5]
        assert one.point.value[0] == min(p.value[0] for p in allowed)


def test_what_is_reported_is_of_the_test_users(found, steering):
    for one in found.chosen.values():
        assert found.before[1] + one.change.value == pytest.approx(one.point.value[1], abs=1e-9)
        assert one.change.low <= one.change.value <= one.change.high
        assert one.change.n == found.halves.test.sum()
        assert one.kept.value == pytest.approx(one.point.kept[1])


def test_the_measure_is_gini_of_the_halves_lists(found, steering):
    items = steering.bench.unedited.items[found.halves.test]
    column = steering.bench.field.catalogue.column_of(steering.bench.field.n_items)
    counts = np.bincount(column[items[items >= 0]], minlength=len(steering.bench.field.catalogue.item_id))
    assert found.before[1] == pytest.approx(float(popularity.gini(counts)))


def test_ahead_is_the_difference_of_gains(found):
    own = found.chosen["latents"]
    for method, other in found.chosen.items():
        if method != "latents":
            gained = found.before[1] - own.point.value[1] - (found.before[1] - other.point.value[1])
            assert other.ahead.value == pytest.approx(gained, abs=1e-9)


def test_the_same_seed_finds_the_same(steering, found, monkeypatch):
    again = searched(steering, found.target, max_loss=0.5, latents=(2, 8), strengths=(0.5, 2.0))
    assert [p.value for p in again.points] == [p.value for p in found.points]
    assert {m: c.point.setting for m, c in again.chosen.items()} == {
        m: c.point.setting for m, c in found.chosen.items()
    }


def test_leverage_is_what_a_unit_more_of_a_latent_does_to_popular_scores(steering):
    target = target_named(steering, "popularity")
    push = leverage(steering, target)
    reference = steering.users.reference
    latent = int(np.argmax(np.abs(push)))
    x = steering.bench.x[steering.bench.newest].astype(np.float64)
    without = steering.vectors(Intervention((Edit("ablate", (latent,)),)))[steering.bench.newest].astype(
        np.float64
    )
    assert push[latent] == pytest.approx(((x - without) @ target.direction).mean(), abs=1e-5)
    assert push[np.diff(reference.codes.indptr) == 0] == pytest.approx(0)


def test_popular_latents_go_down_and_niche_ones_up(steering):
    target = target_named(steering, "popularity")
    push = leverage(steering, target)
    for edit in edit_of(steering, target, 6, 0.5).edits:
        signs = push[list(edit.latents)] > 0
        assert signs.all() if edit.by == 0.5 else (edit.by == 1.5 and not signs.any())


def test_more_of_a_concept_turns_the_other_way(steering):
    less, more = (target_named(steering, "concept:Horror", more=more) for more in (False, True))
    down, up = edit_of(steering, less, 4, 0.5), edit_of(steering, more, 4, 0.5)
    assert {edit.latents: edit.by for edit in down.edits} == {edit.latents: 2 - edit.by for edit in up.edits}
    assert (less.penalised == -more.penalised).all()
    assert less.gain(0.5, 0.4) > 0 > more.gain(0.5, 0.4)


def test_popularity_direction_points_at_popular_items(steering):
    target = target_named(steering, "popularity")
    scores = steering.bench.field.catalogue.vectors @ target.direction
    assert np.corrcoef(scores, log_popularity(steering))[0, 1] > 0.3


def test_sentences_say_when_the_dictionary_is_not_better(found):
    said = " ".join(found_in_words(found))
    rivals = [found.chosen[name] for name in ("projection", "re-ranking") if name in found.chosen]
    assert ("not clearly better" in said) == any(one.ahead.low <= 0 for one in rivals)


@pytest.mark.parametrize("name", ["popularty", "group:gender", "concept", "popularity:8"])
def test_no_such_target(steering, name):
    with pytest.raises(UsageError) as error:
        target_named(steering, name)
    assert error.value.fix


class TestCommand:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(search, "SHARES", (0.05, 0.2))
        monkeypatch.setattr(search.searched, "__kwdefaults__",
                            search.searched.__kwdefaults__ | {"latents": (2, 4), "strengths": (0.5, 2.0)})  # fmt: skip

    def test_kept_and_tried_again(self, cli, steerable, tmp_path):
        db = tmp_path / "audit.duckdb"
        shutil.copy(steerable, db)
        result = cli("debias", "bprmf", "--max-loss", "50%", "--db", db, "--save", "even", "-o", "even.toml")
        assert result.code == 0, result.err
        assert "latents" in result.out
        with reading(db) as audit:
            assert audit.rows("SELECT name FROM interventions") == [("even",)]
            methods = {row[0] for row in audit.rows("SELECT DISTINCT method FROM fronts WHERE chosen")}
        assert "latents" in methods
        again = cli("steer", "bprmf", "--file", "even.toml", "--controls", 0, "--db", db)
        assert again.code == 0, again.err

    def test_a_concept(self, cli, steerable):
        result = cli(
            "debias", "bprmf", "--target", "concept:Horror", "--max-loss", ".9", "--front", "--db", steerable
        )
        assert result.code == 0, result.err
        assert "re-ranking" in result.out

    @pytest.mark.parametrize("loss", ["x", "-1%", "100%"])
    def test_a_loss_that_is_none(self, cli, steerable, loss):
        result = cli("debias", "bprmf", "--max-loss", loss, "--db", steerable)
        assert result.code == ExitCode.USAGE
        assert "from 0 to 1" in result.err
