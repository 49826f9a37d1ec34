"""``recaudit cav`` and ``recaudit profile`` from end to end on a shipped model."""

import json

import numpy as np
import pytest
from scipy import stats

from recaudit.analyses.cav import profile as profiles
from recaudit.analyses.cav.codes import codes_of
from recaudit.analyses.cav.settings import Settings
from recaudit.errors import ExitCode
from recaudit.report import cav as report
from recaudit.store import cav as store
from recaudit.store import read, reading, write, writing
from tests.analyses.cav.conftest import FEW


@pytest.fixture
def on(cli, sampled):
    return lambda *arguments: cli(*arguments, "--db", sampled)


def rows(result):
    assert result.code == 0, result.err
    return json.loads(result.out)["rows"]


def test_the_table(on):
    table = rows(on("cav", "sasrec", *FEW, "--format", "json"))
    genres = {row["concept"]: row for row in table if row["kind"] == "genre"}
    assert len(genres) == 19
    assert genres["Horror"]["verdict"] == "present"
    assert genres["Horror"]["low"] > 0.7
    assert genres["Horror"]["low"] < genres["Horror"]["auc"] < genres["Horror"]["high"]
    few = next(row for row in table if row["concept"] == "1900s")
    assert few["verdict"] == "insufficient"
    assert few["auc"] is None


def test_what_is_stored_is_not_run_again(on):
    result = on("cav", "sasrec", *FEW)
    assert "fitting" not in result.err
    assert "linearly present" in result.err
    assert "made with" not in result.err


def test_other_settings_than_those_stored_are_named(on):
    result = on("cav", "sasrec", "--permutations", "99", "--bootstraps", "20")
    assert "made with permutations 19;" in result.err


def test_the_auc_is_scikit_learns(sampled):
    """One concept judged independently: same scaling, balance and C, other folds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score

    with reading(sampled) as audit:
        model = read.model_named(audit, "sasrec")
        ((c, auc),) = audit.rows(
            "SELECT c, auc FROM cavs JOIN concepts USING (concept_id) WHERE name = 'Horror' AND model_id = 0"
        )
        catalogue = read.catalogue(audit, model)
        kept = read.train_counts(audit, model.dataset_id)[catalogue.item_id] >= 5
        concepts = store.concepts(audit, model.dataset_id, catalogue.item_id[kept])
    x = catalogue.vectors[kept] - catalogue.vectors[kept].mean(axis=0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    theirs = cross_val_score(
        LogisticRegression(C=c, class_weight="balanced", max_iter=2000),
        x,
        concepts.has[:, list(concepts.name).index("Horror")],
        scoring="roc_auc",
        cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=1),
    ).mean()
    assert auc == pytest.approx(theirs, abs=0.01)


def test_one_concept_closely(on):
    found = rows(on("cav", "sasrec", *FEW, "--concept", "Horror", "--format", "json"))
    assert {row["rating"] for row in found} == {"mean", "centred", "share"}
    control = [
        r for r in found if r["rating"] == "share" and r["correlation"] == "spearman" and not r["adjusted"]
    ]
    assert all(row["low"] > 0 for row in control)
    shown = on("cav", "sasrec", *FEW, "--concept", "genre:Horror")
    assert "Thriller" in shown.out
    assert "latent" in shown.out


def test_names_that_do_not_exist(on):
    for flags in (("--concept", "Horor"), ("--relative", "Horror:Horor"), ("--relative", "Horror")):
        result = on("cav", "sasrec", *FEW, *flags)
        assert result.code == ExitCode.USAGE, flags
    assert on("cav", "sasrec", "--negatives", "some").code == ExitCode.USAGE
    assert on("cav", "sasrec", *FEW, "--concept", "Horror", "--relative", "Horror:War").code == ExitCode.USAGE
    assert on("profile", "sasrec", "1", "--negatives", "matched").code == ExitCode.NO_VERDICT
    assert on("profile", "sasrec", "no-such-user").code == ExitCode.USAGE


def test_findings_are_those_of_the_variant_and_told_once(on):
    told = on("cav", "sasrec", *FEW).err.splitlines()
    assert len(told) == len(set(told))
    assert not any("NDCG" in line for line in told)


def test_profile(on, sampled):
    found = rows(on("profile", "sasrec", "15", "--limit", "-1", "--format", "json"))
    assert all(0 < row["percentile"] <= 1 for row in found)
    assert [row["percentile"] for row in found] == sorted((row["percentile"] for row in found), reverse=True)
    with reading(sampled) as audit:
        ((share, rated),) = audit.rows(
            "SELECT count(*) FILTER (split = 'train' AND own) / count(*) FILTER (split = 'train'), avg(rating) FILTER (own) "
            "FROM (SELECT *, item_id IN (SELECT item_id FROM item_concepts JOIN concepts USING (concept_id) WHERE name = "
            "'Comedy') AS own FROM interactions) JOIN users USING (user_id) WHERE raw_id = '15'"
        )
    comedy = next(row for row in found if row["concept"] == "Comedy")
    assert comedy["share"] == pytest.approx(share)
    assert comedy["rated"] == pytest.approx(rated, abs=1e-5)
    text = on("profile", "sasrec", "15")
    assert "= sensitivity" in text.out
    assert "this user's concepts goes with that of their ratings" in text.err


def test_what_latents_add_is_the_decoders_part_of_a_sensitivity(sampled):
    """Over all latents, with what the dictionary leaves out, the parts are the centred sensitivity."""
    with reading(sampled) as audit:
        model = read.model_named(audit, "sasrec")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(profiles, "LATENTS", 10_000)
            found = profiles.profile(audit, model, "15", Settings().variant)
        sae = read.find_sae(audit, model)
        cases = read.cases(audit, model, read.NEWEST_KINDS)
        user = int(np.flatnonzero(cases.user == read.user_index(audit, model, "15"))[0])
        decoder = read.vectors(audit, model.model_id, sae.dim, "decoder", sae.sae_id)[1]
        codes = codes_of(audit, sae, "case", cases.case_id).toarray()
        concept = found.concepts.iloc[0]
        (direction,) = store.directions(audit, model.model_id, [int(concept["cav_id"])])
    own = found.latents[found.latents["concept"] == concept["concept"]]
    assert len(own) == sae.n_latents
    left_out = cases.vectors - codes @ decoder  # the bias is everyone's and leaves with the mean
    rest = (left_out[user] - left_out.mean(axis=0)) @ direction
    assert own["contribution"].sum() + rest == pytest.approx(concept["sensitivity"], abs=1e-3)


def test_a_users_agreement_is_scipys(sampled):
    with reading(sampled) as audit:
        found = profiles.profile(audit, read.model_named(audit, "sasrec"), "15", Settings().variant)
    rows = found.concepts.dropna(subset=["rated"])
    expected = stats.spearmanr(rows["percentile"], rows["rated"] - rows["rated_outside"]).statistic
    assert found.with_ratings.n == len(rows)
    assert found.with_ratings.value == pytest.approx(expected)
    assert found.with_history.value > 0.3  # what the model was trained on
    assert found.items["farther"].between(0, 1).all()


def test_a_relative_cav_points_from_one_to_the_other(cli, sampled, tmp_path):
    db = tmp_path / "own.duckdb"
    db.write_bytes(sampled.read_bytes())
    (row,) = rows(cli("cav", "sasrec", *FEW, "--relative", "Horror:Comedy", "--format", "json", "--db", db))
    assert row["concept"] == "Horror : Comedy"
    assert row["auc"] > 0.8
    # The control of a pair is how much more of the one than of the other the history holds.
    assert row["history"] > 0.3
    with reading(db) as audit:
        own = dict(
            audit.rows(
                "SELECT name || coalesce('-' || against_id, ''), direction FROM cavs JOIN concepts USING (concept_id) "
                "WHERE kind = 'genre' AND direction IS NOT NULL"
            )
        )
    relative = np.array(
        next(vector for name, vector in own.items() if "-" in name and name.startswith("Horror-"))
    )
    assert relative @ np.array(own["Horror"]) > 0.3
    assert relative @ np.array(own["Comedy"]) < 0
    told = cli("cav", "sasrec", *FEW, "--relative", "Horror:Comedy", "--db", db).err
    assert "the rating of the first minus that of the second" in told
    assert "linearly present" not in told
    assert rows(cli("cav", "sasrec", *FEW, "--format", "json", "--limit", "-1", "--db", db))


def test_numbers_have_public_names_and_findings_their_sql(on, sampled):
    from recaudit.metrics.catalogue import BY_NAME

    settings = Settings()
    with reading(sampled) as audit:
        names = {
            name for (name,) in audit.rows("SELECT DISTINCT metric FROM metrics WHERE metric LIKE 'cav.%'")
        }
        queries = [
            sql
            for (sql,) in audit.rows("SELECT evidence FROM findings WHERE protocol = ?", [settings.variant])
        ]
        sections = report.sections(audit, read.model_named(audit, "sasrec"))
    assert {
        "cav.auc",
        "cav.q",
        "cav.present",
        "cav.rating_spearman",
        "cav.share_spearman",
        "cav.aligned",
    } <= names
    assert names <= set(BY_NAME)
    assert len(queries) >= 3
    assert sections[0].rows
    (links,) = [section for section in sections if section.name == "cav_latents"]
    assert {row[1] for row in links.rows} >= {"Children", "Horror"}
    for query in [*queries, *(section.sql for section in sections)]:
        assert rows(on("sql", query, "--format", "json"))


def test_again_leaves_no_number_of_before(cli, sampled, tmp_path):
    db = tmp_path / "own.duckdb"
    db.write_bytes(sampled.read_bytes())
    flags = ("--permutations", "19", "--bootstraps", "20", "--least-items", "1000", "--again", "--db", db)
    table = rows(cli("cav", "sasrec", *flags, "--format", "json"))
    judged = {row["concept"] for row in table if row["auc"] is not None}
    with reading(db) as audit:
        stored = {
            json.loads(text)["concept"]
            for (text,) in audit.rows("SELECT slice FROM metrics WHERE metric = 'cav.auc'")
        }
    assert stored == judged
    assert 0 < len(judged) < 10


def test_removing_the_model_leaves_nothing(sampled, tmp_path):
    db = tmp_path / "own.duckdb"
    db.write_bytes(sampled.read_bytes())
    tables = ("cavs", "sensitivities", "cav_alignment", "cav_angles", "cav_map", "cav_latents", "cav_ratings")
    with writing(db) as audit:
        assert all(audit.rows(f"SELECT 1 FROM {table} LIMIT 1") for table in tables)
        write.remove_model(audit, 0)
        assert not any(audit.rows(f"SELECT 1 FROM {table} LIMIT 1") for table in tables)


def test_too_little_is_said(cli, audit_path):
    result = cli("cav", "bprmf", "--db", audit_path)
    assert result.code == ExitCode.NO_VERDICT
    assert "--least-interactions" in result.err
