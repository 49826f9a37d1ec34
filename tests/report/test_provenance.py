"""The commands a report names are those its rows came from."""

import shutil

import pytest

from recaudit.report import document
from recaudit.report.build import context
from recaudit.report.document import compose
from recaudit.store import provenance, read, reading, writing


def commands(db, name, **options):
    with reading(db) as audit:
        runs = compose(context(audit, name, **options)).runs
    return [(row[0], row[1]) for row in runs.rows]


def test_runs_of_other_models_are_left_out(looked_at):
    said = commands(looked_at, "sasrec_sae")
    assert [command for command, _ in said] == ["ingest", "analyse", "concepts", "label", "bias", "steer"]
    assert [command for command, _ in commands(looked_at, "bprmf")] == ["ingest", "analyse"]
    assert not any("bprmf" in arguments for _, arguments in said)


def test_those_of_the_model_beside_are_not(looked_at):
    both = commands(looked_at, "bprmf", beside="sasrec_sae")
    assert {command for command, _ in both} >= {"concepts", "label"}


def test_runs_on_other_dictionaries_are_left_out(looked_at, tmp_path):
    db = tmp_path / "audit.duckdb"
    shutil.copy(looked_at, db)
    with writing(db) as audit:
        audit.connection.execute("INSERT INTO runs BY NAME SELECT * REPLACE ('x' AS run_id, 'elsewhere' AS command) FROM runs LIMIT 1")  # fmt: skip
        audit.connection.execute("INSERT INTO saes BY NAME SELECT * REPLACE (99 AS sae_id, 'x' AS run_id, 'other' AS name) FROM saes LIMIT 1")  # fmt: skip
    with reading(db) as audit:
        model = read.model_named(audit, "sasrec_sae")
        other, own = (read.find_sae(audit, model, name) for name in ("other", "sae"))
        assert "elsewhere" in set(provenance.runs(audit, [model], [other])["command"])
        assert "elsewhere" not in set(provenance.runs(audit, [model], [own])["command"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"model": "x", "k": null, "only": [], "again": false, "seed": 0}', "again=false model=x seed=0"),
        (
            '{"declared": {"about": "a", "files": {"m": "ab"}, "settings": {"seed": 0, "sae": null}}}',
            "seed=0",
        ),
        ('{"edit": {"latents": [1]}, "declared": null}', 'edit={"latents": [1]}'),
    ],
)
def test_arguments_are_told_as_they_were_given(arguments, said):
    assert document._said(arguments) == said
