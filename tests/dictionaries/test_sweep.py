"""A sweep measures what a single training would, keeps numbers only, and goes on where it was."""

import json

import pytest

from recaudit.store import read, reading


@pytest.fixture
def swept(cli, larger_world):
    assert cli("ingest", larger_world["bprmf"], "--data", larger_world["data"], "--name", "m").code == 0
    arguments = ("sweep", "m", "--steps", 30, "--jobs", 1, "--scale", 4, "--format", "json")

    def run(*grid):
        result = cli(*arguments, *(part for axis in grid for part in ("--grid", axis)))
        assert result.code == 0, result.err
        return json.loads(result.out)["rows"], result.err

    return run


def test_points_measure_what_a_training_would(cli, swept, tmp_path):
    (row,), _ = swept("k=3")
    assert row["k"] == 3
    trained = cli("train", "m", "--scale", 4, "--k", 3, "--steps", 30)
    assert trained.code == 0, trained.err
    assert cli("report", "m", "-o", "r.json").code == 0
    with reading(tmp_path / "audit.duckdb") as audit:
        (own,) = audit.rows(
            "SELECT value FROM metrics WHERE metric = 'fidelity.overlap@10' AND sae_id IS NOT NULL"
        )
        sae = read.find_sae(audit, read.model_named(audit, "m"))
    assert row["fidelity.overlap@10"] == own[0]
    assert cli("label", "m", "--no-controls").code == 0
    with reading(tmp_path / "audit.duckdb") as audit:
        ((named,),) = audit.rows(
            "SELECT value FROM metrics WHERE metric = 'labels.count@0.8' AND sae_id = ? "
            'AND slice = \'{"labeller": "statistics"}\'',
            [sae.sae_id],
        )
    assert row["labels.count@0.8"] == named


def test_only_numbers_stay(swept, tmp_path):
    swept("k=2")
    with reading(tmp_path / "audit.duckdb") as audit:
        assert read.dictionaries(audit, read.model_named(audit, "m").model_id) == []
        for table in ("activations", "latents", "training_log", "latent_concepts"):
            assert audit.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
        assert audit.rows("SELECT count(*) FROM metrics WHERE sae_id IS NOT NULL") == [(0,)]


def test_a_larger_grid_trains_what_is_new(swept):
    swept("k=2,3")
    rows, said = swept("k=2,3,4")
    assert [row["k"] for row in rows] == [2, 3, 4]
    assert "1 of 1" in said
    assert "of 2" not in said


def test_processes_and_one_after_the_other_agree(cli, larger_world, swept):
    alone, _ = swept("k=2,3")
    assert (
        cli("ingest", larger_world["bprmf"], "--data", larger_world["data"], "--name", "m", "--db", "b").code
        == 0
    )
    result = cli(
        "sweep", "m", "--steps", 30, "--scale", 4, "--grid", "k=2,3", "--jobs", 2, "--db", "b", "--format", "json"
    )  # fmt: skip
    together = json.loads(result.out)["rows"]
    for row in (*alone, *together):
        del row["training.seconds"]
    assert together == alone


def test_pictures_and_a_table_are_written(cli, larger_world, tmp_path):
    assert cli("ingest", larger_world["bprmf"], "--data", larger_world["data"], "--name", "m").code == 0
    result = cli(
        "sweep", "--steps", 20, "--scale", 4, "--grid", "k=2,3", "--grid", "prediction=0,1", "--jobs", 1,
        "--no-concepts", "-o", "out",
    )  # fmt: skip
    assert result.code == 0, result.err
    folder = tmp_path / "out"
    assert {path.name for path in folder.iterdir()} == {"sweep.csv", "by-k.svg", "by-prediction.svg"}
    drawn = (folder / "by-k.svg").read_text()
    assert "first ten kept" in drawn
    assert "prediction 1" in drawn


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("colour=1", "cannot vary colour"),
        ("k", "AXIS=VALUES"),
        ("k=two", "are numbers"),
        ("kind=deep", "cannot be deep"),
    ],
)
def test_a_grid_that_is_none(cli, audit_path, axis, said):
    result = cli("sweep", "bprmf", "--grid", axis, "--db", audit_path)
    assert result.code == 2
    assert said in result.err
