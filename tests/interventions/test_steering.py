"""Steering a stored model: lists, ranks and prices against plain loops; what is kept; what is refused."""

import json
import math
import shutil

import numpy as np
import pytest

from recaudit.analyses.scoring import target_ranks, top_lists
from recaudit.datasets.popularity import Band, popularity_bands
from recaudit.errors import ExitCode, NoVerdictError, UsageError
from recaudit.interventions.controls import controls, list_popularity, methods
from recaudit.interventions.dry_run import tried
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.selections import resolved
from recaudit.interventions.sentences import told
from recaudit.interventions.steering import Steering
from recaudit.store import read, reading


@pytest.fixture
def steering(opened):
    audit, model, sae = opened
    return Steering.of_audit(audit, model, sae, directions=["popularity"], watched=["Horror"])


def busiest(steering, n=3):
    """The latents that fire for most users."""
    fires = np.diff(steering.users.reference.codes.indptr)
    return tuple(int(latent) for latent in np.sort(np.argsort(-fires)[:n]))


def scale(steering, by, **more):
    return Intervention((Edit("scale", busiest(steering), by=by, **more),))


def test_an_outcome_is_what_ranking_everything_anew_gives(steering):
    intervention = scale(steering, -5)
    found, x = steering.outcome(intervention), steering.vectors(intervention)
    bench = steering.bench
    items, _ = top_lists(bench.field, x, bench.newest, 10)
    assert np.array_equal(found.items, items)
    assert np.array_equal(found.ranks, target_ranks(bench.field, x, bench.inputs.targets))
    assert not np.array_equal(items, bench.unedited.items)


def test_an_edit_for_one_user_moves_that_user_alone(steering):
    user = int(steering.bench.inputs.listed_users[4])
    raw = str(steering.raw_users[user])
    own = Intervention((Edit("set", busiest(steering), to=5.0, users=f"user={raw}"),))
    moved = (steering.vectors(own) != steering.users.x).any(axis=1)
    assert moved.any()
    assert set(steering.bench.field.cases.user[moved]) == {user}
    with pytest.raises(UsageError, match="no case of user nobody"):
        steering.vectors(Intervention((Edit("ablate", (0,), users="user=nobody"),)))


def test_vectors_of_some_cases_are_those_of_all(steering):
    own, cases = scale(steering, -5), np.array([3, 40, 7])
    assert np.array_equal(steering.vectors(own, cases), steering.vectors(own)[cases])


def test_an_edit_of_an_item_moves_that_item_alone(steering):
    raw = next(iter(steering.raw_items))
    column = steering.raw_items[raw]
    catalogue = steering.catalogue(Intervention((Edit("set", busiest(steering), to=5.0, items=(raw,)),)))
    moved = (catalogue.vectors != steering.items.x).any(axis=1)
    assert np.flatnonzero(moved).tolist() == [column]
    latent = busiest(steering)
    decoder = steering.items.reference.spec.decoder
    z = steering.items.codes.toarray()[column]
    wanted = steering.items.x[column] + sum((5.0 - z[j]) * decoder[j] for j in latent)
    assert catalogue.vectors[column] == pytest.approx(wanted, abs=1e-5)


def test_prices_by_plain_loops(steering):
    intervention = scale(steering, -5)
    after = steering.outcome(intervention)
    prices = {(p.name, *p.slice.values()): p for p in steering.priced(intervention, draws=50)}
    bench, counts = steering.bench, steering.bench.counts
    gains = [1 / math.log2(rank + 1) if rank <= 10 else 0 for rank in after.ranks]
    assert prices["ndcg@10",].after == pytest.approx(sum(gains) / len(gains))
    bands = popularity_bands(counts)
    of_tail = [
        g for g, item in zip(gains, bench.inputs.targets.item, strict=True) if bands[item] == Band.TAIL
    ]
    assert prices["ndcg@10", "tail"].after == pytest.approx(sum(of_tail) / len(of_tail))
    means = [np.mean([counts[i] for i in row if i >= 0]) for row in after.items]
    assert prices["arp@10",].after == pytest.approx(np.mean(means))
    exposure = np.bincount(after.items[after.items >= 0], minlength=bench.field.n_items)[
        bench.field.catalogue.item_id
    ]
    c, n = np.sort(exposure), len(exposure)
    gini = 2 * sum((i + 1) * c[i] for i in range(n)) / (n * c.sum()) - (n + 1) / n
    assert prices["gini@10",].after == pytest.approx(gini)
    assert prices["coverage@10",].after == pytest.approx((exposure > 0).mean())
    same = [len(set(a) & set(b)) / 10 for a, b in zip(after.items, bench.unedited.items, strict=True)]
    assert prices["overlap@10",].after == pytest.approx(np.mean(same))
    horror = steering.yardstick.concepts[0].items
    hits = [any(horror[i] for i in row if i >= 0) for row in after.items]
    assert prices["concept_hit@10", "genre:Horror"].after == pytest.approx(np.mean(hits))
    apart = [
        divergence(sum(steering.yardstick.genres[i] for i in row if i >= 0), profile)
        for row, profile in zip(after.items, steering.yardstick.profiles, strict=True)
    ]
    assert prices["miscalibration@10",].after == pytest.approx(np.mean(apart))


def divergence(p, q):
    """Jensen-Shannon, base 2, of two mixes."""
    p, q = p / p.sum(), q / q.sum()
    return (
        sum(
            a * math.log2(2 * a / (a + b))
            for x, y in ((p, q), (q, p))
            for a, b in zip(x, y, strict=True)
            if a
        )
        / 2
    )


def test_no_edit_costs_nothing(steering):
    for price in steering.priced(scale(steering, 1), draws=20):
        assert price.change == 0, price
        assert (price.low, price.high) == (0, 0), price


def test_intervals_hold_the_change_and_are_the_same_again(steering):
    first, second = (steering.priced(scale(steering, -5), draws=50, seed=3) for _ in range(2))
    assert first == second
    assert all(
        price.low <= price.change <= price.high
        for price in first
        if "gini" in price.name or "arp" in price.name
    )


def test_re_ranking_and_projection_meet_the_edits_popularity(steering):
    target = steering.outcome(Intervention((Edit("project", direction="popularity", by=2.0),)))
    assert set(methods(steering)) == {"re-ranking", "projection"}
    found = controls(steering, scale(steering, -5), target, draws=2)
    wanted = list_popularity(steering, target)
    matched = {control.name: control for control in found if control.strength is not None}
    assert matched
    for control in matched.values():
        arp = next(price for price in control.prices if price.name == "arp@10")
        assert arp.after == pytest.approx(wanted, rel=0.03)


def test_noise_moves_rows_as_far_in_other_directions(steering):
    from recaudit.interventions.controls import _turned

    step = steering.vectors(scale(steering, -5)) - steering.users.x
    turned = _turned(step, np.random.default_rng(0))
    assert np.linalg.norm(turned, axis=1) == pytest.approx(np.linalg.norm(step, axis=1), rel=1e-4)
    cosine = (turned * step).sum(axis=1)
    moved = step.any(axis=1)
    assert abs((cosine[moved] / (np.linalg.norm(step[moved], axis=1) ** 2)).mean()) < 0.3


def test_random_latents_are_others_that_fire_as_often(steering):
    from recaudit.interventions.controls import other_latents

    intervention = scale(steering, 0)
    other = other_latents(steering.users.reference, intervention, np.random.default_rng(0))
    (mine,), (theirs,) = intervention.edits, other.edits
    assert len(theirs.latents) == len(mine.latents)
    assert not set(theirs.latents) & set(mine.latents)
    assert theirs.by == mine.by


class TestRefusals:
    def test_another_dictionary(self, opened):
        audit, model, sae = opened
        made_for = Intervention((Edit("ablate", (1,)),), dictionary_sha256="0" * 64)
        with pytest.raises(UsageError, match="made for a dictionary with hash 000000000000"):
            resolved(audit, model, sae, made_for)

    def test_a_latent_beyond_the_dictionary(self, opened):
        audit, model, sae = opened
        with pytest.raises(UsageError, match="latent 24 is beyond the 24"):
            resolved(audit, model, sae, Intervention((Edit("ablate", (24,)),)))

    @pytest.mark.parametrize(
        ("select", "fill"),
        [("concept:Horror", "recaudit concepts"), ("popularity", "recaudit bias"), ("group:a=b", "recaudit bias"),
         ("label:x", "recaudit label")],
    )  # fmt: skip
    def test_a_selection_of_what_is_not_stored(self, opened, select, fill):
        audit, model, sae = opened
        with pytest.raises(NoVerdictError) as error:
            resolved(audit, model, sae, Intervention((Edit("ablate", select=select),)))
        assert fill in error.value.fix

    def test_no_such_selection(self, opened):
        audit, model, sae = opened
        with pytest.raises(UsageError, match="unknown"):
            resolved(audit, model, sae, Intervention((Edit("ablate", select="concpt:Horror"),)))

    def test_no_dictionary(self, opened):
        audit, _, _ = opened
        with pytest.raises(NoVerdictError, match="has no dictionary"):
            resolved(audit, read.model_named(audit, "sasrec"), None, Intervention((Edit("ablate", (1,)),)))

    def test_no_such_group_or_item(self, steering):
        with pytest.raises(UsageError, match="no user group"):
            steering.outcome(scale(steering, 2, users="gender=F"))
        with pytest.raises(UsageError, match="no row for item"):
            steering.outcome(scale(steering, 2, items=("nowhere",)))


def test_a_direction_needs_no_dictionary(opened):
    audit, model, _ = opened
    found = tried(
        audit, model, Intervention((Edit("project", direction="popularity", by=1),)), sae=None, draws=2
    )
    assert found.sae is None
    assert [control.name for control in found.controls] == ["noise", "re-ranking"] or [
        control.name for control in found.controls
    ] == ["noise"]
    assert told(found.prices, found.controls)


class TestCommand:
    def test_a_dry_run_changes_nothing(self, cli, steerable):
        before = steerable.read_bytes()
        result = cli(
            "steer",
            "bprmf",
            "--edit",
            "scale latents=1,2 by=0",
            "--controls",
            2,
            "--db",
            steerable,
            "--format",
            "json",
        )
        assert result.code == 0, result.err
        assert {row["measure"] for row in json.loads(result.out)["rows"]} >= {
            "ndcg@10",
            "gini@10",
            "overlap@10",
        }
        assert steerable.read_bytes() == before

    def test_kept_written_and_tried_again(self, cli, steerable, tmp_path):
        db = tmp_path / "audit.duckdb"
        shutil.copy(steerable, db)
        words = (
            "steer",
            "bprmf",
            "--edit",
            "scale latents=1,2 by=-5",
            "--controls",
            2,
            "--db",
            db,
            "--format",
            "csv",
        )
        first = cli(*words, "--save", "less", "-o", "less.toml", "--watch", "Horror")
        assert first.code == 0, first.err
        by_name = cli("steer", "bprmf", "--intervention", "less", "--watch", "Horror", *words[4:])
        by_file = cli("steer", "bprmf", "--file", "less.toml", "--watch", "Horror", *words[4:])
        assert first.out == by_name.out == by_file.out
        with reading(db) as audit:
            kept = audit.rows("SELECT name, toml FROM interventions")
            names = {
                row[0]
                for row in audit.rows("SELECT DISTINCT metric FROM metrics WHERE metric LIKE 'steer.%'")
            }
            variants = {row[0] for row in audit.rows("SELECT DISTINCT variant FROM intervention_prices")}
        assert kept == [("less", (tmp_path / "less.toml").read_text())]
        assert {"edit", "random latents", "noise"} <= variants
        assert {
            "steer.ndcg_change@10",
            "steer.gini_change@10",
            "steer.overlap@10",
            "steer.concept_hit@10",
        } <= names

    def test_saving_again_replaces(self, cli, steerable, tmp_path):
        db = tmp_path / "audit.duckdb"
        shutil.copy(steerable, db)
        for by in (0, 2):
            cli(
                "steer",
                "bprmf",
                "--edit",
                f"scale latents=1 by={by}",
                "--controls",
                0,
                "--db",
                db,
                "--save",
                "it",
            )
        with reading(db) as audit:
            ((toml,),) = audit.rows("SELECT toml FROM interventions")
            ((most,),) = audit.rows("SELECT max(n) FROM (SELECT count(*) AS n FROM metrics WHERE metric LIKE 'steer.%' "
                                    "GROUP BY metric, slice)")  # fmt: skip
        assert "by = 2.0" in toml
        assert most == 1

    def test_a_users_list_before_and_after(self, cli, steerable):
        result = cli(
            "steer",
            "bprmf",
            "--edit",
            "scale latents=1 by=0",
            "--user",
            3,
            "--controls",
            0,
            "--db",
            steerable,
        )
        assert result.code == 0, result.err
        assert "Film [" in result.out

    def test_nothing_to_do(self, cli, steerable):
        result = cli("steer", "bprmf", "--db", steerable)
        assert result.code == ExitCode.USAGE
        assert "give one of --edit" in result.err
