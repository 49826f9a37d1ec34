"""Raters see names, not whose; what they say is read in with care."""

import csv
import shutil

import numpy as np
import pandas as pd
import pytest

from recaudit.errors import ExitCode
from recaudit.labels import LabelRequest, label_latents
from recaudit.labels.ratings import summary
from recaudit.store import reading, writing

MODEL = "sasrec_sae"


@pytest.fixture(scope="module")
def labelled(audit_path, tmp_path_factory):
    """The tiny audit, every fourth latent with a name."""
    path = shutil.copy(audit_path, tmp_path_factory.mktemp("ratings") / "audit.duckdb")
    label_latents(LabelRequest(db=path, model=MODEL, controls=()))
    with writing(path) as audit:
        audit.connection.execute(
            "UPDATE labels SET text = 'Name ' || latent, confidence = .9 WHERE latent % 4 = 0"
        )
        audit.connection.execute("UPDATE labels SET text = NULL WHERE latent % 4 <> 0")
    return path


@pytest.fixture
def db(labelled, tmp_path):
    return shutil.copy(labelled, tmp_path / "audit.duckdb")


def sampled(cli, db, n=20, seed=0, name="sample.csv"):
    path = db.parent / name
    assert cli("labels", MODEL, "--db", db, "--sample", n, "--seed", seed, "-o", path).code == 0
    return path


def table(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith("#")
    return list(csv.DictReader(lines[1:]))


def fill(path, rater, ratings, to):
    rows = table(path)
    with to.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        for row, rating in zip(rows, ratings, strict=True):
            writer.writerow({**row, "rater": rater, "rating": rating})
    return to


def test_a_sample_is_blind_shuffled_and_seeded(cli, db):
    path = sampled(cli, db)
    rows = table(path)
    assert list(rows[0]) == ["key", "name", "items", "rater", "rating"]
    assert sorted(row["name"] for row in rows) == sorted(f"Name {latent}" for latent in range(0, 32, 4))
    assert [row["name"] for row in rows] != [f"Name {latent}" for latent in range(0, 32, 4)]
    text = path.read_text()
    assert not any(word in text for word in ("statistics", "0.9", "verified", "latent"))
    assert text == sampled(cli, db, name="again.csv").read_text()
    assert text != sampled(cli, db, seed=1, name="other.csv").read_text()
    assert len(table(sampled(cli, db, n=3, name="three.csv"))) == 3


def test_ratings_of_several_raters(cli, db, tmp_path):
    path = sampled(cli, db)
    given = {"ann": [4, 4, 3, 4, 1, 2, 4, 4], "bob": [4, 3, 3, 4, 1, 1, 4, 2]}
    for rater, ratings in given.items():
        result = cli(
            "labels", MODEL, "--db", db, "--rate", fill(path, rater, ratings, tmp_path / f"{rater}.csv")
        )
        assert result.code == 0, result.err
    with reading(db) as audit:
        numbers = dict(
            audit.rows(
                "SELECT metric, value FROM metrics WHERE protocol = 'labels rated by people' AND slice = '{}'"
            )
        )
        assert audit.rows("SELECT count(*) FROM label_ratings") == [(16,)]
    assert numbers["labels.relevance"] == pytest.approx(np.mean([*given["ann"], *given["bob"]]))
    both = np.array([given["ann"], given["bob"]])
    observed = (both[0] == both[1]).mean()
    chance = sum((both == level).mean() ** 2 for level in (1, 2, 3, 4))
    assert numbers["labels.kappa"] == pytest.approx((observed - chance) / (1 - chance))


def test_a_second_rating_replaces_the_first(cli, db, tmp_path):
    path = sampled(cli, db)
    for ratings in ([1] * 8, [4] * 8):
        cli("labels", MODEL, "--db", db, "--rate", fill(path, "ann", ratings, tmp_path / "a.csv"))
    with reading(db) as audit:
        assert audit.rows("SELECT DISTINCT rating FROM label_ratings") == [(4,)]


@pytest.mark.parametrize(
    ("rater", "rating", "code", "says"),
    [
        ("", "3", ExitCode.REFUSED, "without a rater"),
        ("ann", "5", ExitCode.REFUSED, "none of 1, 2, 3, 4"),
        ("ann", "good", ExitCode.REFUSED, "none of 1, 2, 3, 4"),
        ("ann", "", ExitCode.NO_VERDICT, "no rating"),
    ],
)
def test_bad_ratings_name_the_line_and_store_nothing(cli, db, tmp_path, rater, rating, code, says):
    path = fill(sampled(cli, db), rater, ["", "", rating, *[""] * 5], tmp_path / "bad.csv")
    result = cli("labels", MODEL, "--db", db, "--rate", path)
    assert result.code == code
    assert says in result.err
    if code == ExitCode.REFUSED:
        assert "line 4" in result.err
    with reading(db) as audit:
        assert audit.rows("SELECT count(*) FROM label_ratings") == [(0,)]


def test_keys_of_other_names_are_refused(cli, db, tmp_path):
    path = sampled(cli, db)
    with writing(db) as audit:
        audit.connection.execute("UPDATE labels SET text = 'renamed' WHERE text IS NOT NULL")
    result = cli("labels", MODEL, "--db", db, "--rate", fill(path, "ann", [3] * 8, tmp_path / "a.csv"))
    assert result.code == ExitCode.REFUSED
    assert "make a new sample" in result.err


def test_summary_interval_is_over_names():
    ratings = pd.DataFrame(
        [
            {
                "labeller": "x",
                "protocol": "p",
                "latent": n,
                "text": "t",
                "rater": r,
                "rating": 1 + (n + r) % 4,
            }
            for n in range(30)
            for r in range(3)
        ]
    )
    found = summary(ratings, seed=0)
    assert (found.names, found.raters) == (30, 3)
    assert found.mean == pytest.approx(ratings["rating"].mean())
    assert found.low < found.mean < found.high
