"""What CI systems read is read by their own parsers, and by their own schemas where those lie at hand."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import junitparser
import pytest
from sarif_pydantic import Level, Sarif

from recaudit.gates import check, read_policy
from recaudit.gates.outputs import github, junit, markdown, renderer, sarif
from recaudit.gates.outputs import json as json_output
from tests.gates import make

SCHEMAS = Path(os.environ.get("RECAUDIT_CI_SCHEMAS", "no such folder"))
"""A folder with sarif-schema-2.1.0.json (OASIS) and junit-10.xsd (Jenkins' xUnit plug-in)."""

RULES = """
[[gate]]
name = "bad <&> \\u001b[31m"
metric = "ranking.ndcg@10"
min = 0.9
why = "Because | of <b>that</b>."
[[gate]]
name = "good"
metric = "ranking.ndcg@10"
min = 0.1
[[gate]]
name = "open"
metric = "ranking.ndcg@10"
min = 0.5
[[gate]]
name = "warned"
metric = "ranking.ndcg@10"
min = 0.9
severity = "warn"
[[gate]]
name = "missing"
metric = "sae.l0"
min = 1
[[gate]]
name = "later"
metric = "ranking.ndcg@10"
max_drop = "1%"
[[gate]]
name = "waived"
metric = "ranking.ndcg@10"
min = 0.95
[[waiver]]
gate = "waived"
reason = "retraining"
owner = "kim"
until = 2027-01-01
"""
KINDS = ["fail", "pass", "undecided", "warn", "error", "skipped", "waived"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    policy = read_policy(make.policy(tmp_path, RULES))
    found = check(policy, make.candidate(make.number(0.5, 0.45, 0.55)), today=date(2026, 1, 1))
    assert [one.verdict for one in found.verdicts] == KINDS
    return found


def test_junit_is_what_junitparser_reads(run):
    parsed = junitparser.JUnitXml.fromstring(junit.render(run).encode())
    assert (parsed.tests, parsed.failures, parsed.errors) == (7, 1, 1)
    results = {suite.name: [type(r).__name__ for case in suite for r in case.result] for suite in parsed}
    assert list(results.values()) == [["Failure"], [], [], [], ["Error"], ["Skipped"], ["Skipped"]]
    first = next(iter(parsed))
    properties = {p.name: p.value for p in first.properties()}
    assert properties["value"] == "0.5"
    assert properties["low"] == "0.45"
    assert properties["line"] == "2"
    assert "\x1b" not in junit.render(run)
    assert 'time="' not in junit.render(run)


def test_undecided_is_an_error_to_junit_under_strict(run):
    parsed = junitparser.JUnitXml.fromstring(junit.render(replace(run, strict=True)).encode())
    assert parsed.errors == 2


def test_sarif_points_at_the_policy_lines(run, tmp_path):
    log = json.loads(sarif.render(run))
    (one,) = log["runs"]
    lines = (tmp_path / "policy.toml").read_text().splitlines()
    for result, verdict in zip(one["results"], run.verdicts, strict=True):
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "policy.toml"
        assert lines[place["region"]["startLine"] - 1] == "[[gate]]"
        assert one["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        # A level beside a kind other than fail is against 3.27.10 of the standard.
        assert result["kind"] == "fail" or result["level"] == "none"
        assert ("suppressions" in result) is (verdict.verdict == "waived")


def test_sarif_is_what_sarif_pydantic_reads(run, cli, tmp_path):
    (one,) = Sarif.model_validate_json(sarif.render(run)).runs
    assert [result.level for result in one.results] == [
        Level.ERROR, Level.NONE, Level.NOTE, Level.WARNING, Level.ERROR, Level.NONE, Level.ERROR
    ]  # fmt: skip
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "y.pt").write_bytes(b"nonsense")
    cli("scan", "x.json", "y.pt", "-o", "scan.sarif")
    (scan,) = Sarif.model_validate_json((tmp_path / "scan.sarif").read_text()).runs
    assert [result.level for result in scan.results] == [Level.NONE, Level.ERROR]


@pytest.mark.skipif(not (SCHEMAS / "sarif-schema-2.1.0.json").exists(), reason="set RECAUDIT_CI_SCHEMAS")
def test_sarif_is_valid_by_the_schema_of_the_standard(run, cli, tmp_path):
    schema = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text())
    jsonschema.validate(json.loads(sarif.render(run)), schema)
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "y.pt").write_bytes(b"nonsense")
    cli("scan", "x.json", "y.pt", "-o", "scan.sarif")
    log = json.loads((tmp_path / "scan.sarif").read_text())
    jsonschema.validate(log, schema)
    assert [r["level"] for r in log["runs"][0]["results"]] == ["none", "error"]


@pytest.mark.skipif(not (SCHEMAS / "junit-10.xsd").exists(), reason="set RECAUDIT_CI_SCHEMAS")
def test_junit_is_valid_by_jenkins_schema(run):
    xmlschema = pytest.importorskip("xmlschema")
    xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd").validate(ET.fromstring(junit.render(run)))


def test_json_is_valid_by_the_published_schema(run):
    published = Path(__file__).resolve().parents[2] / "docs" / "gate.schema.json"
    jsonschema.validate(json.loads(json_output.render(run)), json.loads(published.read_text()))


def test_markdown_shows_the_worst_first_and_escapes(run):
    text = markdown.render(run)
    assert text.index("bad") < text.index("missing") < text.index("warned") < text.index("good")
    assert "<b>" not in text
    assert "\x1b" not in text
    assert "SELECT" in text


def test_annotations_are_ten_of_a_kind_worst_first(run):
    fail, passed = run.verdicts[0], run.verdicts[1]
    many = replace(run, verdicts=(passed, *[replace(run.verdicts[4]) for _ in range(3)], *[fail] * 20))
    lines = github.workflow_commands(many)
    assert len(lines) == 10
    assert all(line.startswith("::error ") for line in lines)
    assert "and 14 more" in lines[-1]
    assert "line=2" in lines[0]
    commands = [line.split(" ")[0] for line in github.workflow_commands(run)]
    assert commands == ["::error", "::error", "::warning", "::notice", "::notice"]
    assert not any("\n" in line for line in lines)


def test_same_input_same_bytes(run, tmp_path):
    again = check(
        read_policy(tmp_path / "policy.toml"),
        make.candidate(make.number(0.5, 0.45, 0.55)),
        today=date(2026, 1, 1),
    )
    for ending in ("json", "xml", "sarif", "md"):
        render = renderer(Path(f"x.{ending}"))
        assert render(run) == render(again)
