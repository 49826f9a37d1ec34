"""Every command through the door a user comes in by: exit code, stdout and stderr apart."""

import csv
import io
import json

import jsonschema
import pytest

from recaudit.cli import COMMANDS
from recaudit.errors import ExitCode
from recaudit.report.json import schema


@pytest.fixture
def on(audit_path, cli):
    """Run a command on the tiny audit."""
    return lambda command, *arguments: cli(command, *arguments, "--db", audit_path)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(cli, command):
    result = cli(command, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: recaudit {command}")


def test_group_help_lists_every_command(cli):
    out = cli("--help").out
    assert [command for command in COMMANDS if command not in out] == []


def test_models(on):
    rows = json.loads(on("models", "--format", "json").out)["rows"]
    assert [row["model"] for row in rows] == ["bprmf", "sasrec", "sasrec_sae"]
    assert rows[2]["sae"] == "sae (32 latents, by RecSAE)"


def test_recommend_json_has_raw_ids_and_falling_scores(on):
    result = on("recommend", "bprmf", "5", "-k", "7", "--format", "json")
    assert result.err == ""
    answer = json.loads(result.out)
    assert answer["user"] == "5"
    scores = [item["score"] for item in answer["items"]]
    assert len(scores) == 7
    assert scores == sorted(scores, reverse=True)
    assert {"item", "score"} == set(answer["items"][0])


def test_recommend_leaves_out_what_was_seen_unless_told(on):
    def items(*flags):
        answer = json.loads(on("recommend", "sasrec", "5", "-k", "30", "--format", "json", *flags).out)
        return {item["item"] for item in answer["items"]}

    everything = items("--include-seen")
    assert len(everything) == 30
    assert items() < everything
    assert items("--at", "latest") < items()
    assert items() < items("--seen", "train")


def test_recommend_refuses_a_condition(on):
    result = on("recommend", "bprmf", "5", "--condition", "horror")
    assert result.code == ExitCode.USAGE
    assert "--conditions" in result.err


def test_explain_sums(on):
    rows = json.loads(on("explain", "sasrec_sae", "5", "3", "--format", "json").out)["rows"]
    assert rows[-1]["part"] == "score"
    assert sum(row["amount"] for row in rows[:-1]) == pytest.approx(rows[-1]["amount"])


def test_latents_and_their_links(on):
    rows = json.loads(on("latents", "sasrec_sae", "--limit", "5", "--format", "json").out)["rows"]
    assert len(rows) == 5
    latent = rows[0]["latent"]
    for view in (("--latent", latent), ("--item", "3"), ("--user", "5")):
        result = on("latents", "sasrec_sae", *view, "--attribution", "history", "--format", "json")
        assert result.code == 0
        assert json.loads(result.out)["rows"]


def test_a_cut_listing_says_so(on):
    result = on("latents", "sasrec_sae", "--limit", "2")
    assert "2 of " in result.err
    assert "--limit -1" in result.err


def test_quiet_keeps_stderr_to_errors(cli, audit_path):
    assert cli("--quiet", "latents", "sasrec_sae", "--limit", "2", "--db", audit_path).err == ""
    assert "error:" in cli("--quiet", "latents", "bprmf", "--db", audit_path).err


def test_latents_without_an_sae(on):
    result = on("latents", "bprmf")
    assert result.code == ExitCode.NO_VERDICT
    assert "--sae" in result.err


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "md"])
def test_formats(on, form):
    result = on("sql", "SELECT name, dim FROM models ORDER BY model_id", "--format", form)
    assert result.code == 0
    assert "bprmf" in result.out
    if form == "csv":
        assert next(csv.reader(io.StringIO(result.out))) == ["name", "dim"]
    if form == "jsonl":
        assert json.loads(result.out.splitlines()[0])["name"] == "bprmf"


def test_csv_cells_never_start_a_formula(on):
    result = on("sql", "SELECT '=HYPERLINK(1)' AS a, -1 AS b", "--format", "csv")
    assert result.out == "a,b\n'=HYPERLINK(1),-1\n"


def test_sql_cannot_write_or_reach_files(on, tmp_path):
    for query in ("DELETE FROM models", f"COPY models TO '{tmp_path / 'x.csv'}'", "ATTACH 'x.duckdb'"):
        result = on("sql", query)
        assert result.code == ExitCode.USAGE
        assert "the query failed" in result.err
    assert list(tmp_path.iterdir()) == []


def test_report_files(on, tmp_path):
    result = on("report", "sasrec_sae", "-o", "r.json", "-o", "r.md")
    assert result.code == 0
    report = json.loads((tmp_path / "r.json").read_text())
    jsonschema.validate(report, schema())
    assert report["model"]["name"] == "sasrec_sae"
    assert {"ranking.ndcg@10", "fidelity.explained_variance", "sae.l0"} <= {
        m["metric"] for m in report["metrics"]
    }
    assert report["findings"]
    assert "Film \\[" in (tmp_path / "r.md").read_text()


def test_report_is_the_same_bytes_again(on, tmp_path):
    for name in ("a.json", "b.json"):
        on("report", "sasrec_sae", "-o", name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_report_under_another_protocol_leaves_no_trace_in_the_first(cli, world, tmp_path):
    cli("ingest", world.models["sasrec_sae"], "--data", world.data, "--name", "m")
    for name, protocol in (("a", "history"), ("other", "recbole-seq"), ("b", "history")):
        assert cli("report", "--protocol", protocol, "-o", f"{name}.json").code == 0
    first, other, again = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("a", "other", "b")
    )
    assert first == again
    assert first["tables"] != other["tables"]
    assert first["findings"] != other["findings"]


def test_the_sql_behind_findings_and_tables_runs(on, tmp_path):
    on("report", "sasrec_sae", "-o", "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    queries = [f["evidence"] for f in report["findings"]] + [table["sql"] for table in report["tables"]]
    assert len(queries) > 5
    for query in queries:
        result = on("sql", query, "--format", "json")
        assert result.code == 0, result.err


def test_report_on_the_terminal(on):
    out = on("report", "sasrec_sae").out
    assert "What to know" in out
    assert "NDCG@10" in out
    assert "Film [" in out


def test_report_without_an_sae_says_what_is_missing(on):
    assert "--sae" in on("report", "bprmf").out


def test_report_type_must_be_known(on):
    result = on("report", "bprmf", "-o", "r.docx")
    assert result.code == ExitCode.USAGE
    assert ".json, .md" in result.err


def test_several_models_need_a_name(on):
    result = on("report")
    assert result.code == ExitCode.USAGE
    assert "bprmf, sasrec, sasrec_sae" in result.err


def test_unknown_protocol(on):
    result = on("report", "bprmf", "--protocol", "made-up")
    assert result.code == ExitCode.USAGE
    assert "history, recsae" in result.err


def test_no_audit_file(cli):
    result = cli("report")
    assert result.code == ExitCode.USAGE
    assert "recaudit ingest" in result.err


def test_metrics_and_doctor(cli):
    assert "ranking.ndcg@10" in cli("metrics").out
    assert "duckdb" in cli("doctor").out


def test_a_bug_exits_70_not_1(cli, monkeypatch):
    def broken(*_):
        raise RuntimeError("boom")

    monkeypatch.setattr("recaudit.cli.metrics.show", broken)
    result = cli("metrics")
    assert result.code == ExitCode.INTERNAL
    assert "boom" in result.err


def test_usage_errors_exit_2(cli):
    assert cli("no-such-command").code == ExitCode.USAGE
    assert cli("report", "--no-such-flag").code == ExitCode.USAGE
