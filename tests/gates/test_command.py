"""`recaudit gate` and `bless` on an audit file, and what becomes of them when the machine is in the way."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys

import duckdb
import numpy as np
import pytest

from recaudit.analyses.diff.by_user import of_model
from recaudit.analyses.diff.recipes import recipe
from recaudit.analyses.diff.summary import summarise
from recaudit.gates import document
from recaudit.store import gates, read, reading

POLICY = """
[[gate]]
name = "ranks"
metric = "ranking.ndcg@10"
min = 0.0
why = "It ranks."
[[gate]]
name = "holds"
metric = "ranking.ndcg@10"
max_drop = "1%"
"""
FAILING = '[[gate]]\nname = "high"\nmetric = "ranking.ndcg@10"\nmin = 0.99\n'


@pytest.fixture
def project(tmp_path, audit_path):
    shutil.copy(audit_path, tmp_path / "audit.duckdb")
    (tmp_path / "policy.toml").write_text(POLICY)
    (tmp_path / "failing.toml").write_text(FAILING)
    return tmp_path


def bless(cli, *more):
    return cli("bless", "sasrec_sae", "--as", "prod", "--author", "kim", "--reason", "shipped", *more)


@pytest.mark.parametrize("name", ["bprmf", "sasrec_sae"])
def test_values_by_user_add_up_to_the_stored_numbers(audit_path, name):
    checked = set()
    with reading(audit_path) as audit:
        model = read.model_named(audit, name)
        summary = summarise(audit, model, read.find_sae(audit, model))
    for number in summary.numbers:
        found = recipe(number.metric, number.slice)
        if found is not None:
            columns = summary.users.columns
            value = columns[found.numerator].sum() / columns[found.denominator].sum()
            assert value == pytest.approx(number.value, abs=2e-5), number.title
            checked.add(number.metric.split("@")[0])
    assert {"ranking.ndcg", "ranking.hr", "ranking.mrr"} <= checked
    assert name == "bprmf" or {"fidelity.ndcg_ratio", "fidelity.overlap"} <= checked


def test_every_source_of_a_baseline_says_the_same(cli, project):
    assert bless(cli, "-o", "prod.json").code == 0
    shutil.copy("audit.duckdb", "other.duckdb")
    told = []
    for named in ("prod", "prod.json", "sasrec_sae", "other.duckdb:sasrec_sae"):
        result = cli("gate", "sasrec_sae", "--policy", "policy.toml", "--baseline", named, "--format", "json")
        assert result.code == 0, result.err
        told.append(json.loads(result.out)["rows"])
    assert all(one == told[0] for one in told)
    assert [row["verdict"] for row in told[0]] == ["pass", "pass"]
    assert told[0][1]["judged"] == 0.0


def test_a_baseline_file_reads_back_as_it_was(audit_path):
    from datetime import datetime

    with reading(audit_path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        summary = summarise(audit, model, read.find_sae(audit, model))
    text = document.write(summary, document.Blessing("b", "a", "r", datetime(2026, 1, 1)))
    again, blessing = document.read(text, "x")
    assert (blessing.author, blessing.reason) == ("a", "r")
    assert again.numbers == tuple(n for n in summary.numbers if "latent" not in n.slice)
    assert again.concepts == summary.concepts
    assert np.array_equal(again.users.hashes, summary.users.hashes)
    for name, column in summary.users.columns.items():
        assert np.array_equal(again.users.columns[name], column), name


def test_verdicts_are_kept_once(cli, project):
    for _ in range(2):
        assert cli("gate", "sasrec_sae", "--policy", "policy.toml").code == 0
    rows = cli("sql", "SELECT gate, verdict, line FROM verdicts ORDER BY place", "--format", "csv").out
    assert rows.splitlines() == ["gate,verdict,line", "ranks,pass,2", "holds,skipped,7"]


def test_offenders_can_be_listed(cli, project):
    out = cli("gate", "sasrec_sae", "--policy", "failing.toml", "-o", "gate.json")
    assert out.code == 1
    (verdict,) = json.loads((project / "gate.json").read_text())["verdicts"]
    rows = cli("sql", verdict["evidence"], "--format", "json")
    assert rows.code == 0, rows.err
    assert json.loads(rows.out)["rows"]


def test_a_baseline_moves_only_when_told(cli, project):
    assert bless(cli).code == 0
    again = bless(cli)
    assert again.code == 2
    assert "kim" in again.err
    assert "--replace" in again.err
    assert bless(cli, "--replace").code == 0
    assert cli("bless", "bprmf", "--as", "sasrec", "--author", "a", "--reason", "r").code == 2
    assert cli("bless", "bprmf", "--as", "x", "--author", " ", "--reason", "r").code == 2


def test_explain_says_what_is_missing(cli, project):
    (project / "policy.toml").write_text(POLICY + '[[gate]]\nname = "c"\nmetric = "cav.present"\nmin = 1\n')
    out = cli("gate", "sasrec_sae", "--policy", "policy.toml", "--explain", "--format", "json")
    rows = json.loads(out.out)["rows"]
    assert [row["missing"] for row in rows][:2] == ["", "a baseline"]
    assert "recaudit cav" in rows[2]["missing"]
    assert out.code == 0


def test_a_missing_metric_is_no_verdict(cli, project):
    (project / "policy.toml").write_text('[[gate]]\nname = "c"\nmetric = "cav.present"\nmin = 1\n')
    out = cli("gate", "sasrec_sae", "--policy", "policy.toml")
    assert out.code == 3
    assert "recaudit cav MODEL" in out.out


def test_github_gets_a_summary_and_annotations(cli, project, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    (project / "summary.md").write_text("before\n")
    out = cli("gate", "sasrec_sae", "--policy", "failing.toml")
    assert "::error file=failing.toml,line=1," in out.err
    text = (project / "summary.md").read_text()
    assert text.startswith("before\n## ✗ sasrec\\_sae: failed")


@pytest.mark.parametrize("damage", ["truncated", "half", "text", "other", "empty"])
def test_a_damaged_audit_is_refused(cli, project, damage):
    path = project / "audit.duckdb"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:5000])
    elif damage == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "text":
        path.write_text("this is no database, whatever it is called" * 200)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        with duckdb.connect(path) as connection:
            connection.execute("CREATE TABLE t (x INTEGER)")
    out = cli("gate", "sasrec_sae", "--policy", "policy.toml")
    assert out.code == 4, out.err
    assert "fix:" in out.err


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"format": "recaudit baseline", "format_version": 99, "tool_version": "9"}', "\x00"],
)
def test_a_damaged_baseline_is_refused(cli, project, text):
    (project / "b.json").write_text(text)
    assert cli("gate", "sasrec_sae", "--policy", "policy.toml", "--baseline", "b.json").code == 4


def test_a_bomb_in_a_baseline_is_refused(cli, project):
    import base64
    import zlib

    bless(cli, "-o", "prod.json")
    body = json.loads((project / "prod.json").read_text())
    body["users"]["hashes"] = base64.b64encode(zlib.compress(b"\0" * 50_000_000)).decode()
    (project / "bomb.json").write_text(json.dumps(body))
    out = cli("gate", "sasrec_sae", "--policy", "policy.toml", "--baseline", "bomb.json")
    assert out.code == 4
    body["users"]["kept"] = 10**12
    (project / "bomb.json").write_text(json.dumps(body))
    assert cli("gate", "sasrec_sae", "--policy", "policy.toml", "--baseline", "bomb.json").code == 4


def test_no_such_baseline_lists_what_there_is(cli, project):
    bless(cli)
    out = cli("gate", "sasrec_sae", "--policy", "policy.toml", "--baseline", "prodd")
    assert out.code == 2
    assert "prod" in out.err.split("fix:")[1]


HOLDER = "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == 'r'); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def held(project):
    """Hold the audit file from another process."""
    holders = []

    def hold(mode):
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(project / "audit.duckdb"), mode],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        holders.append(holder)
        assert holder.stdout.readline() == "held\n"
        return holder.pid

    yield hold
    for holder in holders:
        holder.communicate()


def test_a_writer_elsewhere_is_the_machine_in_the_way(cli, project, held):
    pid = held("w")
    out = cli("gate", "sasrec_sae", "--policy", "failing.toml")
    assert out.code == 5
    assert str(pid) in out.err


@pytest.mark.parametrize(("policy", "code"), [("failing.toml", 1), ("policy.toml", 5)])
def test_a_reader_elsewhere_never_hides_a_failure(cli, project, held, policy, code):
    held("r")
    out = cli("gate", "sasrec_sae", "--policy", policy, "-o", "gate.json")
    assert out.code == code
    assert (project / "gate.json").exists()
    assert cli("gate", "sasrec_sae", "--policy", "policy.toml", "--no-store").code == 0


def test_a_full_disk_leaves_no_half_output(cli, project):
    (project / "gate.json").write_text("old")

    def run(limit, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "recaudit", "gate", "sasrec_sae", *arguments],
            cwd=project, capture_output=True, text=True, preexec_fn=lambda: limited(limit),
        )  # fmt: skip

    def limited(size):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    before = (project / "audit.duckdb").read_bytes()
    out = run(512, "--policy", "policy.toml", "-o", "gate.json")
    assert out.returncode == 5, out.stderr
    assert "gate.json: cannot be written" in out.stderr
    assert (project / "gate.json").read_text() == "old"
    assert (project / "audit.duckdb").read_bytes() == before
    kept = run(512, "--policy", "policy.toml")
    assert kept.returncode == 5, kept.stderr
    failed = run(512, "--policy", "failing.toml")
    assert failed.returncode == 1, failed.stderr
    with reading(project / "audit.duckdb") as audit:
        assert len(gates.verdicts(audit, read.model_named(audit, "sasrec_sae"))) == 0


KILLED = """
import os, signal, sys
from recaudit.cli import run_line
from recaudit.store import gates
keep = gates.replace_verdicts
def killed(*arguments):
    if sys.argv[1] == "after": keep(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
gates.replace_verdicts = killed
run_line(["gate", "sasrec_sae", "--policy", "failing.toml"])
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_leaves_the_audit_whole(cli, project, when):
    bless(cli)
    assert cli("gate", "sasrec_sae", "--policy", "policy.toml").code == 0
    died = subprocess.run([sys.executable, "-c", KILLED, when], cwd=project, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL
    with reading(project / "audit.duckdb") as audit:
        kept = gates.verdicts(audit, read.model_named(audit, "sasrec_sae"))
        assert kept["policy"].tolist() == ["policy.toml"] * 2
        assert gates.baseline_named(audit, "prod") is not None
    assert cli("gate", "sasrec_sae", "--policy", "failing.toml").code == 1


def test_a_bug_is_never_a_failed_gate(cli, project, monkeypatch):
    def broken(*arguments, **keywords):
        raise RuntimeError("bug")

    monkeypatch.setattr("recaudit.gates.check", broken)
    assert cli("gate", "sasrec_sae", "--policy", "policy.toml").code == 70


def test_gate_starts_without_torch(project):
    code = (
        "import sys; from recaudit.cli import run_line; "
        "code = run_line(['gate', 'sasrec_sae', '--policy', 'policy.toml', '-o', 'g.xml', '-o', 'g.md']); "
        "assert code == 0, code; print('torch' in sys.modules, 'textual' in sys.modules, 'ollama' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, env=os.environ
    )
    assert out.stdout.splitlines()[-1] == "False False False", out.stderr


def test_no_users_no_columns(audit_path):
    with reading(audit_path) as audit:
        model = read.model_named(audit, "bprmf")
        values = of_model(audit, model, None)
    assert len(values.taken(np.zeros(len(values), dtype=bool))) == 0


PROMISED = """
[[gate]]
name = "price-as-promised"
intervention = "softer"
metric = "steer.overlap@10"
within = 0.001
"""


def test_a_kept_intervention_costs_what_it_did_or_is_another(cli, project):
    (project / "promised.toml").write_text(PROMISED)

    def steer(edit):
        assert cli("steer", "sasrec_sae", "--edit", edit, "--save", "softer").code == 0

    def judged():
        result = cli(
            "gate", "sasrec_sae", "--policy", "promised.toml", "--baseline", "prod.json", "--format", "json"
        )
        (row,) = json.loads(result.out)["rows"]
        return result.code, row

    steer("project direction=popularity by=0.3")
    assert bless(cli, "-o", "prod.json").code == 0
    code, row = judged()
    assert row["value"] == row["baseline_value"] < 1
    assert code == 0

    steer("project direction=popularity by=0.9")
    code, row = judged()
    assert (code, row["verdict"]) == (3, "error")
    assert "is another: its file differs" in str(row)
