"""Concepts turned up and down, and items brought to an audience: figures against plain loops, controls, what is stored."""

import shutil

import numpy as np
import pytest

from recaudit.analyses import concepts as concept_analysis
from recaudit.analyses.audit import analyse
from recaudit.errors import ExitCode, NoVerdictError, UsageError
from recaudit.interventions import promotion
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.promotion import audience_named, promoted
from recaudit.interventions.steering import Steering
from recaudit.interventions.tune import PromoteRequest, TuneRequest, promote, tune
from recaudit.interventions.tuning import Level, levels_named, toward, tuned
from recaudit.metrics.lists import EMPTY
from recaudit.report import interventions as report
from recaudit.store import concepts as concept_store
from recaudit.store import interventions as store
from recaudit.store import read, reading, tunings


@pytest.fixture
def steering(opened):
    audit, model, sae = opened
    return Steering.of_audit(audit, model, sae, watched=["Horror"])


@pytest.fixture
def latent(steering):
    """The one that fires most."""
    return int(np.argmax(np.diff(steering.users.reference.codes.indptr)))


def rows_of(rows, **wanted):
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_figures_by_plain_loops(steering, latent):
    (concept,) = steering.yardstick.concepts
    rows = list(tuned(steering, concept, latent, levels_named("-4"), direction=None, draws=0))
    codes = steering.users.codes.toarray()[:, latent]
    decoder = steering.users.reference.spec.decoder[latent]
    bench = steering.bench
    hits = {"active": [[], []], "all": [[], []]}
    for place, case in enumerate(bench.newest):
        x = bench.x[case] + (-4 - 1) * codes[case] * decoder
        scores = bench.field.catalogue.vectors @ x
        timeline = bench.field.timeline
        seen = timeline.item[(timeline.user == bench.field.cases.user[case]) & (timeline.split < 2)]
        order = [
            i for i in bench.field.catalogue.item_id[np.argsort(-scores, kind="stable")] if i not in seen
        ][:10]
        now = any(concept.items[i] for i in order)
        before = any(concept.items[i] for i in bench.unedited.items[place] if i != EMPTY)
        for users in ("active", "all") if codes[case] > 0 else ("all",):
            hits[users][0].append(before)
            hits[users][1].append(now)
    for users, (before, now) in hits.items():
        (row,) = rows_of(rows, variant="edit", users=users, metric="hit@10")
        assert row["n"] == len(now)
        assert row["before"] == pytest.approx(np.mean(before))
        assert row["after"] == pytest.approx(np.mean(now))
        assert row["low"] <= row["change"] <= row["high"]


def test_controls_stand_beside_every_level(steering, latent):
    (concept,) = steering.yardstick.concepts
    direction = toward(steering, concept, None)
    rows = list(tuned(steering, concept, latent, levels_named("-4,3,q0.9"), direction=direction, draws=3))
    assert {row["level"] for row in rows} == {"x-4", "x3", "q0.9", "filter"}
    for level in ("x-4", "x3", "q0.9"):
        assert {row["variant"] for row in rows_of(rows, level=level)} == {
            "edit", "random latents", "mean difference",
        }  # fmt: skip
    assert not rows_of(rows, level="q0.9", users="active")
    (filtered,) = rows_of(rows, variant="filter", metric="items@10")
    assert filtered["after"] < filtered["before"]
    assert all(row["draws"] == 3 for row in rows_of(rows, variant="random latents"))


def test_the_direction_moves_as_far_as_the_latent(steering, latent, monkeypatch):
    (concept,) = steering.yardstick.concepts
    seen = []
    outcome = type(steering.bench).outcome
    monkeypatch.setattr(
        type(steering.bench),
        "outcome",
        lambda bench, x=None, catalogue=None: seen.append(x) or outcome(bench, x, catalogue),
    )
    list(
        tuned(
            steering, concept, latent, (Level(factor=-4),), direction=toward(steering, concept, None), draws=0
        )
    )
    edit, direction = (x - steering.users.x for x in seen[:2])
    assert np.linalg.norm(direction, axis=1) == pytest.approx(np.linalg.norm(edit, axis=1), abs=1e-4)
    assert np.all(direction @ toward(steering, concept, None)[1] <= 1e-6)


def test_a_stored_concept_vector_is_taken_before_the_mean_difference(steering):
    (concept,) = steering.yardstick.concepts
    name, unit = toward(steering, concept, np.array([3.0, 0, 0, 0, 0, 0, 0, 4.0]))
    assert name == "concept vector"
    assert unit == pytest.approx([0.6, 0, 0, 0, 0, 0, 0, 0.8])


def test_no_factor_is_no_change(steering, latent):
    (concept,) = steering.yardstick.concepts
    rows = list(tuned(steering, concept, latent, (Level(factor=1),), direction=None, draws=0))
    assert all(row["change"] == 0 for row in rows_of(rows, variant="edit"))


def test_levels_as_people_write_them():
    assert levels_named("-10, 2,q0.5,2") == (Level(factor=-10), Level(factor=2), Level(quantile=0.5))
    with pytest.raises(UsageError, match="neither a factor nor a quantile"):
        levels_named("ten")
    with pytest.raises(UsageError, match="quantile"):
        levels_named("q5")


def test_an_items_rank_is_what_ranking_everything_anew_gives(opened, steering, latent):
    audit, *_ = opened
    raw = list(steering.raw_items)[7]
    everyone = audience_named(audit, steering, "everyone")
    rows = list(promoted(steering, raw, everyone, [latent], (0.0, 2.0), draws=0))
    column = steering.raw_items[raw]
    highest = steering.items.codes.toarray()[:, latent].max()
    timeline, bench = steering.bench.field.timeline, steering.bench
    item = bench.field.catalogue.item_id[column]
    for level in (0.0, 2.0):
        edit = Intervention((Edit("set", (latent,), to=float(level * highest), items=(raw,)),))
        lists = steering.bench.outcome(catalogue=steering.catalogue(edit)).items
        free = ~np.isin(bench.inputs.listed_users, timeline.user[timeline.item == item])
        (row,) = rows_of(rows, level=level, variant="edit", users="audience", metric="top 10")
        assert row["n"] == free.sum()
        assert row["after"] == pytest.approx((lists == item).any(axis=1)[free].mean())
        assert row["before"] == pytest.approx((bench.unedited.items == item).any(axis=1)[free].mean())
    assert not rows_of(rows, users="others")


def test_an_audience_is_those_with_most_of_a_concept(opened, steering, monkeypatch):
    audit, *_ = opened
    monkeypatch.setattr(promotion, "_LEAST_PROFILE", 1)
    audience = audience_named(audit, steering, "Horror:15")
    horror, timeline = steering.yardstick.concepts[0].items, steering.bench.field.timeline
    share = np.array(
        [
            horror[timeline.item[(timeline.user == u) & (timeline.split == 0)]].mean()
            for u in steering.bench.inputs.listed_users
        ]
    )
    assert audience.users.sum() == 15
    assert share[audience.users].min() >= share[~audience.users].max() - 1e-12
    with pytest.raises(NoVerdictError, match="users with a list"):
        audience_named(audit, steering, "Horror:3")
    with pytest.raises(UsageError, match="no user group"):
        audience_named(audit, steering, "gender=F")


@pytest.fixture
def written(steerable, tmp_path):
    path = tmp_path / "audit.duckdb"
    shutil.copy(steerable, path)
    return path


def test_tunings_are_kept_and_replaced_by_concept(written, cli):
    analyse(written, "bprmf", None, sae="both")
    concept_analysis.ensure(written, "bprmf", sae="both")
    with reading(written) as audit:
        model = read.model_named(audit, "bprmf")
        sae = read.find_sae(audit, model, "both")
        concepts, *_ = concept_store.item_concepts(audit, model.dataset_id)
        names = [f"{kind}:{name}" for kind, name in zip(concepts["kind"], concepts["name"], strict=True)]
        name = next(name for name in names if store.latents_of_concept(audit, sae, name))
    without = tune(TuneRequest(written, "bprmf", (name,), draws=2, sae="both"))
    again = tune(TuneRequest(written, "bprmf", (name,), "-2", draws=2, sae="both"))
    assert without == again == []
    with reading(written) as audit:
        frame = report.tuning(audit, model, sae)
        assert list(frame["level"]) == ["x-2", "filter"]
        assert audit.rows("SELECT count(DISTINCT run_id) FROM tunings") == [(1,)]
        assert report.tuning_in_words(frame)[0].startswith("x-2: ")
        assert {table.name for table in report.sections(audit, model, sae)} == {"tunings"}
    done = cli(
        "tune", "bprmf", "--db", written, "--concept", name, "--draws", 0, "--sae", "both", "--format", "csv"
    )
    assert done.code == ExitCode.OK, done.err
    assert done.out.startswith("concept,coverage,latent,level,users,hit,tuned")


def test_promotions_are_kept_and_replaced_by_item_and_audience(written, steering, latent, cli):
    raw = next(iter(steering.raw_items))
    for levels in ((0.0, 1.0), (0.5,)):
        promote(PromoteRequest(written, "bprmf", (raw,), str(latent), levels=levels, draws=2, sae="both"))
    with reading(written) as audit:
        model = read.model_named(audit, "bprmf")
        stored = tunings.promotions(audit, model)
        assert set(stored["level"]) == {0.5}
        assert set(stored["variant"]) == {"edit", "random latents", "audience direction"}
        frame = report.promotion(audit, model)
        assert list(frame["audience"]) == ["everyone"]
        assert frame["others"].isna().all()
    done = cli(
        "promote",
        "bprmf",
        "--db",
        written,
        "--item",
        raw,
        "--latents",
        latent,
        "--levels",
        "0,1",
        "--sae",
        "both",
    )
    assert done.code == ExitCode.OK, done.err
    assert cli("promote", "bprmf", "--db", written).code == ExitCode.USAGE
    assert (
        cli("promote", "bprmf", "--db", written, "--item", raw, "--latents", 999, "--sae", "both").code
        == ExitCode.USAGE
    )


def test_a_dictionary_of_users_alone_promotes_no_item(opened, steering, latent):
    from dataclasses import replace

    audit, *_ = opened
    alone = replace(steering, items=replace(steering.items, codes=None))
    with pytest.raises(UsageError, match="not items"):
        list(
            promoted(
                alone, next(iter(steering.raw_items)), audience_named(audit, steering, "everyone"), [latent]
            )
        )


def test_random_latents_are_like_the_one_they_stand_for(steering, latent):
    from recaudit.interventions.controls import _likeness, stand_ins

    reference = steering.users.reference
    fires = np.diff(reference.codes.indptr)
    apart = np.abs(_likeness(reference, fires) - _likeness(reference, fires)[latent]).sum(axis=1)
    live = np.setdiff1d(np.flatnonzero(fires), [latent])
    near = set(live[np.argsort(apart[live], kind="stable")[:20]].tolist())
    rng = np.random.default_rng(0)
    assert all(stand_ins(reference, [latent], rng)[latent] in near for _ in range(20))
