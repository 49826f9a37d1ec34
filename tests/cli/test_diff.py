"""`recaudit diff` at the command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import duckdb
import pytest


@pytest.fixture
def audit(tmp_path, audit_path):
    return shutil.copy(audit_path, tmp_path / "audit.duckdb")


def test_two_models_of_one_file(cli, audit):
    out = cli("diff", "bprmf", "sasrec")
    assert out.code == 0, out.err
    assert "bprmf → sasrec" in out.out
    assert "NDCG@10" in out.out
    assert "not compared: bprmf and sasrec has no sparse autoencoder" in out.out
    assert out.err.count("…") == 4  # a stage a line, on stderr only


def test_models_of_two_files(cli, audit, tmp_path):
    shutil.copy(audit, tmp_path / "other.duckdb")
    out = cli("diff", "sasrec_sae", "other.duckdb:sasrec_sae")
    assert out.code == 0, out.err
    assert "sasrec_sae in audit.duckdb → sasrec_sae in other.duckdb" in out.out
    assert "Nothing changed: checkpoint, dictionary," in out.out
    several = cli("diff", "sasrec_sae", "other.duckdb")
    assert several.code == 2
    assert "name one of: bprmf, sasrec, sasrec_sae" in several.err


def test_json_has_everything_and_is_the_same_again(cli, audit):
    first, second = (cli("diff", "bprmf", "sasrec_sae", "--format", "json") for _ in "ab")
    assert first.code == 0
    assert first.out == second.out
    found = json.loads(first.out)
    assert found["schema_version"] == 1
    assert {"findings", "metrics", "concepts", "lists", "latents", "missing"} <= found.keys()
    (ndcg,) = [
        m
        for m in found["metrics"]
        if (m["metric"], m["slice"]) == ("ranking.ndcg@10", {"ranking": "original"})
    ]
    assert ndcg["change"] == pytest.approx(
        ndcg["b"] - ndcg["a"], abs=1e-6
    )  # values by user are kept to 2^-16
    assert ndcg["low"] <= ndcg["change"] <= ndcg["high"]
    assert ndcg["basis"] == "paired users"
    assert len(found["lists"]["most_changed"]) == 5


@pytest.mark.parametrize("ending", ["md", "json", "html"])
def test_a_file_holds_what_stdout_would(cli, audit, tmp_path, ending):
    out = cli("diff", "bprmf", "sasrec_sae", "-o", f"diff.{ending}")
    assert (out.code, out.out) == (0, "")
    text = (tmp_path / f"diff.{ending}").read_text()
    if ending != "html":
        assert text == cli("diff", "bprmf", "sasrec_sae", "--format", ending).out
    assert "bprmf" in text


def test_users_shown_can_be_chosen(cli, audit):
    found = json.loads(cli("diff", "bprmf", "sasrec", "--users", "2", "--format", "json").out)
    assert len(found["lists"]["most_changed"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bprmf", "nobody"), "no model named nobody"),
        (("bprmf", "missing.duckdb"), "missing.duckdb: no such audit file"),
        (("bprmf", "sasrec", "-o", "diff.pdf"), "no diff of type .pdf"),
        (("bprmf", "sasrec", "--protocol", "nonsense"), "no protocol named nonsense"),
        (("bprmf", "sasrec_sae", "--sae-b", "none"), "no dictionary named none"),
    ],
)
def test_what_cannot_be_is_said_with_a_fix(cli, audit, arguments, said):
    out = cli("diff", *arguments)
    assert out.code == 2
    assert said in out.err
    assert "fix:" in out.err
    assert out.out == ""


def test_a_folder_that_is_not_there_is_said(cli, audit):
    out = cli("diff", "bprmf", "sasrec", "-o", "nowhere/diff.md")
    assert out.code == 5
    assert "cannot be written" in out.err


def test_names_from_files_reach_no_screen_raw(cli, audit, tmp_path):
    evil = "x\x1b[2J|<img src=y>"
    with duckdb.connect(audit) as connection:
        connection.execute("UPDATE models SET name = ? WHERE name = 'sasrec'", [evil])
        connection.execute("UPDATE items SET title = ?", [evil])
        connection.execute("UPDATE concepts SET name = name || ?", [evil])
    table, md = (cli("diff", "bprmf", evil, "--format", form) for form in ("table", "md"))
    assert (table.code, md.code) == (0, 0)
    assert "\x1b[2J" not in table.out + md.out
    assert "<img" not in md.out.replace("\\<img", "")
    json.loads(cli("diff", "bprmf", evil, "--format", "json").out)
    assert cli("diff", "bprmf", evil, "-o", "diff.html").code == 0
    page = (tmp_path / "diff.html").read_text()
    assert "<img" not in page
    assert "\x1b" not in page
    assert "&lt;img src=y&gt;" in page


def test_the_page_loads_nothing_and_is_the_same_again(cli, audit, tmp_path):
    for name in ("one.html", "two.html"):
        assert cli("diff", "bprmf", "sasrec", "-o", name).code == 0
    page = (tmp_path / "one.html").read_text()
    assert page == (tmp_path / "two.html").read_text()
    assert not re.search('(?:src|href)="(?!#|data:)', page)
    assert "default-src &#39;none&#39;" in page
    assert "bprmf → sasrec" in page
    assert "Not compared:" in page


def test_nothing_is_written_and_no_torch_is_loaded(audit, tmp_path):
    before = audit.read_bytes()
    code = (
        "import sys; from recaudit.cli import run_line; code = run_line(['diff', 'bprmf', 'sasrec_sae']); "
        "sys.exit(code or 10 * ('torch' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert audit.read_bytes() == before
