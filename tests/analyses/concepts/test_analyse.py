"""From an audit file to its tables, and out again through the command."""

import json
import shutil

import numpy as np
import pytest

from recaudit.analyses import concepts as analyses
from recaudit.analyses.concepts import coverage
from recaudit.metrics.catalogue import BY_NAME
from recaudit.store import concepts as stored
from recaudit.store import read, reading, write, writing

NUMBERS = "SELECT * EXCLUDE (run_id) FROM {} ORDER BY ALL"


@pytest.fixture(scope="module")
def analysed(audit_path, tmp_path_factory):
    """The tiny audit with groups of users, analysed with a threshold that its 30 items reach."""
    path = tmp_path_factory.mktemp("concepts") / "audit.duckdb"
    shutil.copy(audit_path, path)
    with writing(path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        audit.connection.execute(
            "INSERT INTO user_groups SELECT dataset_id, user_id, 'half', (user_id % 2)::VARCHAR FROM users "
            "WHERE dataset_id = ?",
            [model.dataset_id],
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "SUPPORT", 8)
        analyses.ensure(path, "sasrec_sae")
    return path


def test_every_dictionary_gets_every_rule(analysed):
    with reading(analysed) as audit:
        model = read.model_named(audit, "sasrec_sae")
        for sae in read.dictionaries(audit, model.model_id):
            assert stored.rules(audit, sae) == ["case", "direct", "recommended10"]
            assert set(stored.kinds(audit, sae)) == {"decade", "genre", "half", "popularity"}
            candidates = audit.rows(
                "SELECT DISTINCT n_candidates FROM concept_coverage WHERE sae_id = ?", [sae.sae_id]
            )
            assert candidates == [(sae.n_latents,)]
        assert {sae.role for sae in read.dictionaries(audit, model.model_id)} >= {"sae", "neurons", "pca"}


def test_numbers_have_names_and_intervals_hold_their_values(analysed):
    with reading(analysed) as audit:
        rows = audit.rows("SELECT metric, value, low, high FROM metrics WHERE protocol LIKE 'concepts by %'")
    assert len({metric for metric, *_ in rows}) > 10
    for metric, value, low, high in rows:
        assert metric in BY_NAME
        assert low is None or low <= value <= high


def test_scores_of_latents_come_with_what_chance_gives(analysed):
    with reading(analysed) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model)
        found = stored.scores_of_latents(audit, sae, "recommended10", "ms-all-own")
        (mean,) = audit.rows(
            "SELECT value, n FROM metrics WHERE sae_id = ? AND metric = 'monosemanticity.mean' "
            """AND slice = '{"variant": "ms-all-own"}'""",
            [sae.sae_id],
        )
    assert (found["value"].mean(), len(found["latent"])) == (pytest.approx(mean[0]), mean[1])
    assert len(set(found["expected"].tolist())) == 1
    np.testing.assert_array_equal(found["z"] > 0, found["value"] > found["expected"])
    assert ((found["p"] >= 0) & (found["p"] <= found["q"])).all()


def test_direct_scores_are_the_change_of_score_by_one_unit(analysed):
    with reading(analysed) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model)
        catalogue = read.catalogue(audit, model)
        everyone = analyses.inputs.items(audit, model, catalogue)
        scored = analyses.item_scores(audit, model, sae, "direct", catalogue, everyone, seed=0)
        from recaudit.analyses.scoring import head_of

        spec, x = read.sae_spec(audit, model, sae), read.cases(audit, model, ("latest",)).vectors[:1]
        moved = head_of(catalogue).score(x + spec.decoder[5]) - head_of(catalogue).score(x)
    np.testing.assert_allclose(scored.scores.columns(np.array([5]))[:, 0], moved[0], atol=1e-4)


def test_again_with_the_same_seed_is_the_same_and_replaces(analysed, tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "SUPPORT", 8)
    path = tmp_path / "again.duckdb"
    shutil.copy(analysed, path)
    with reading(analysed) as audit:
        before = {table: audit.rows(NUMBERS.format(table)) for table in (*stored.TABLES, "metrics")}
    with writing(path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        sae = read.sae_of(audit, model)
        controls = read.controls(audit, model.model_id, sae)
        analyses.analyse(audit, model, sae, controls, seed=0, run=write.Run("test", {}, 0))
        after = {table: audit.rows(NUMBERS.format(table)) for table in before}
    # repr: NaN equals itself there.
    assert {table: repr(rows) for table, rows in after.items()} == {
        t: repr(rows) for t, rows in before.items()
    }


def test_a_dictionary_of_items_scores_them_by_their_own_codes(analysed, tmp_path, monkeypatch):
    monkeypatch.setattr(coverage, "SUPPORT", 8)
    path = tmp_path / "items.duckdb"
    shutil.copy(analysed, path)
    with writing(path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        spec = read.sae_spec(audit, model, read.sae_of(audit, model))
        sae_id = write.add_sae(
            audit, model_id=model.model_id, name="items", spec=spec, sha256="", self_check={},
            run=write.Run("test", {}, 0), site="item",
        )  # fmt: skip
        catalogue = read.catalogue(audit, model)
        codes = np.maximum(catalogue.vectors @ spec.encoder.T - 1, 0)
        row, latent = np.nonzero(codes)
        write.add_activations(audit, sae_id, "item", catalogue.item_id[row], latent, codes[row, latent])
        sae = read.sae_of(audit, model, "items")
        analyses.analyse(audit, model, sae, [], seed=0, run=write.Run("test", {}, 0))
        assert stored.rules(audit, sae) == ["item"]
        (strong,) = audit.rows(
            "SELECT DISTINCT n_strong, n FROM latent_concepts WHERE sae_id = ? AND latent = 3", [sae_id]
        )
    assert strong == ((codes[:, 3] > 0).sum(), len(codes))


def test_removing_the_model_removes_its_concept_rows(analysed, tmp_path):
    path = tmp_path / "removed.duckdb"
    shutil.copy(analysed, path)
    with writing(path) as audit:
        write.remove_model(audit, read.model_named(audit, "sasrec_sae").model_id)
        assert [audit.rows(f"SELECT count(*) FROM {table}") for table in stored.TABLES] == [[(0,)]] * 4


def test_command_lists_concepts_and_what_is_missing(analysed, cli):
    rows = json.loads(cli("concepts", "sasrec_sae", "--db", analysed, "--limit", -1, "--format", "json").out)[
        "rows"
    ]
    verdicts = {row["verdict"] for row in rows}
    missing = json.loads(
        cli("concepts", "sasrec_sae", "--db", analysed, "--missing", "--limit", -1, "--format", "json").out
    )["rows"]
    assert [row for row in rows if row["verdict"] in ("not covered", "popularity only")] == missing
    assert "not covered" in verdicts
    genres = cli(
        "concepts", "sasrec_sae", "--db", analysed, "--kind", "genre", "--rule", "direct", "--format", "csv"
    )
    assert {line.split(",")[1] for line in genres.out.splitlines()[1:]} == {"genre"}


@pytest.mark.parametrize("asked", ["older", "older:neurons"])
def test_command_looks_at_the_dictionary_it_is_asked_for(analysed, cli, tmp_path, asked):
    path = tmp_path / "two.duckdb"
    shutil.copy(analysed, path)
    for name in ("older", "newer"):
        sizes = ("--steps", 30, "--latents", 24, "--k", 3)
        assert cli("train", "sasrec_sae", *sizes, "--name", name, "--db", path).code == 0
    assert cli("report", "sasrec_sae", "--sae", "older", "--db", path).code == 0
    found = cli("concepts", "sasrec_sae", "--sae", asked, "--limit", -1, "--format", "json", "--db", path)
    assert json.loads(found.out)["rows"]
    with reading(path) as audit:
        looked_at = audit.rows("SELECT DISTINCT saes.name FROM concept_coverage JOIN saes USING (sae_id)")
    assert {"older", "older:untrained", "older:neurons", "older:pca"} <= {name for (name,) in looked_at}
    assert "newer" not in {name for (name,) in looked_at}


def test_command_follows_a_concept_to_its_latents_and_back(analysed, cli):
    out = cli(
        "concepts",
        "sasrec_sae",
        "--db",
        analysed,
        "--concept",
        "Horror",
        "--rule",
        "direct",
        "--format",
        "json",
    )
    best = json.loads(out.out)["rows"][0]
    back = cli(
        "concepts",
        "sasrec_sae",
        "--db",
        analysed,
        "--latent",
        best["latent"],
        "--rule",
        "direct",
        "--format",
        "json",
    )
    assert best in json.loads(back.out)["rows"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["sasrec_sae", "--missing", "--latent", "1"], 2, "exclude"),
        (["sasrec_sae", "--kind", "colour"], 2, "genre"),
        (["sasrec_sae", "--rule", "magic"], 2, "direct"),
        (["sasrec_sae", "--concept", "Nothing"], 2, "no latent is stored"),
        (["bprmf"], 3, "no sparse autoencoder"),
    ],
)
def test_command_says_what_cannot_be(analysed, cli, arguments, code, said):
    found = cli("concepts", *arguments, "--db", analysed)
    assert found.code == code
    assert said in found.err
    assert found.out == ""
