"""Running a declared audit: all of it once, nothing twice, and after a change exactly what hangs on it."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch

from recaudit import plan as plans
from recaudit.analyses import audit as analyses
from recaudit.dictionaries import train as training
from recaudit.errors import EnvironmentProblem, ExitCode
from recaudit.plan.steps import base
from recaudit.report import files
from recaudit.store import read, reading, steps
from tests.plan.declared import (
    ANALYSE_SMALL,
    ANALYSE_WIDE,
    CAV,
    CONCEPTS,
    INGEST,
    LABEL,
    REPORTS,
    SMALL,
    STEPS,
    WIDE,
    done,
    said,
)

ON_SMALL = [SMALL, ANALYSE_SMALL, CONCEPTS, CAV, LABEL, *REPORTS]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def listing(folder):
    return {path: digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_first_run_does_everything_in_order(project, first_run):
    assert done((first_run / "stderr").read_text()) == STEPS
    with reading(project.db) as audit:
        model = read.model_named(audit, "tiny")
        assert [sae.name for sae in read.saes(audit, model.model_id)] == ["small", "wide"]
        assert {row[0] for row in audit.rows("SELECT command FROM runs")} == {
            *("ingest", "train", "analyse", "concepts", "cav", "label")
        }
    assert (project.folder / "report.md").read_text().startswith("# Audit of tiny")
    assert '"small"' in (project.folder / "report.json").read_text()


def test_the_second_run_does_nothing_and_writes_nothing(project):
    before = listing(project.folder)
    result = project.run()
    assert result.code == 0
    assert done(result.err) == []
    assert set(said(result.err)) == set(STEPS)
    assert "up to date: checkpoint" in said(result.err)[INGEST]
    assert listing(project.folder) == before


def test_a_dry_run_writes_nothing(empty_project):
    before = listing(empty_project.folder)
    result = empty_project.run("--dry-run")
    assert result.code == 0
    assert done(result.err) == STEPS
    assert "nothing was written" in result.err
    assert result.out == ""
    assert listing(empty_project.folder) == before


@pytest.mark.parametrize(
    ("before", "after", "first", "due"),
    [
        ("k = 4", "k = 5", "k: 4 → 5", ON_SMALL),
        ("k = 4", "k = 4\nloss = { prediction = 0.25 }", "→ 0.25", ON_SMALL),
        ("k = 3", "k = 2", "k: 3 → 2", [WIDE, ANALYSE_WIDE, CAV, *REPORTS]),
        ("heads = 2", "heads = 4", "heads: 2 → 4", STEPS),
        ("heads = 2", "heads = 2\nmin-rating = 3", "min-rating: none → 3.0", STEPS),
        ("heads = 2", "heads = 2\nmin-rating = 0", "min-rating: none → 0.0", STEPS),
        (
            "seed = 0", "seed = 1", "seed: 0 → 1",
            [ANALYSE_SMALL, ANALYSE_WIDE, CONCEPTS, LABEL, *REPORTS],
        ),
        ("permutations = 19", "permutations = 20", "permutations: 19 → 20", [CAV, *REPORTS]),
        ("shuffles = 2", "shuffles = 3", "shuffles: 2 → 3", [LABEL, *REPORTS]),
        ("report.json", "other.json", "no such file yet", ["report other.json"]),
        (
            "[report]", '[report]\nprotocol = "history"', "nothing stored yet",
            ["analyse small, history", *REPORTS],
        ),
        (
            "[analyse]", '[[dictionary]]\nname = "third"\n[analyse]', "nothing stored yet",
            ["train third", "analyse third, recsae", CAV, *REPORTS],
        ),
    ],
)  # fmt: skip
def test_a_changed_setting_redoes_what_hangs_on_it(project, before, after, first, due):
    project.change(before, after)
    result = project.run("--dry-run")
    assert done(result.err) == due
    assert said(result.err)[due[0]].endswith(first)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("k = 4", "k = 4\ndevice = 'auto'\nthreads = 2\nseed = 0"),
        ("[cav]", "# a remark\n[cav]\nnegatives = 'all'"),
        ("shuffles = 2", "shuffles = 2\nworkers = 9\ncontrols = true"),
        ('data = "data"', 'data = "./data"\nname = "tiny"'),
    ],
)
def test_what_decides_no_result_redoes_nothing(project, before, after):
    project.change(before, after)
    assert project.due() == []


def test_changed_inputs_are_named(project):
    rows = project.folder / "data" / "train.csv"
    rows.write_text(rows.read_text() + "1\t30\t2000\n")
    result = project.run("--dry-run")
    assert done(result.err) == STEPS
    assert said(result.err)[INGEST] == "+ data: train.csv changed"
    (project.folder / "data" / "more.csv").write_text("x\n")
    torch.save({"x": torch.zeros(1)}, project.folder / "model.pt")
    words = said(project.run("--dry-run").err)[INGEST]
    assert "more.csv is new, train.csv changed" in words
    assert words.startswith("+ checkpoint ")


def test_a_note_beside_the_data_changes_nothing(project):
    (project.folder / "data" / "README.md").write_text("about the data")
    assert project.due() == []


def test_another_version_of_recaudit_redoes_everything(project, monkeypatch):
    monkeypatch.setattr(base, "__version__", "99.0")
    result = project.run("--dry-run")
    assert done(result.err) == STEPS
    assert "→ 99.0" in said(result.err)[INGEST]


def test_a_redone_dictionary_takes_along_what_hangs_on_it(project):
    with reading(project.db) as audit:
        before = {sae.name: sae.sha256 for sae in read.saes(audit, 0)}
    project.change("k = 4", "k = 5")
    assert done(project.run().err) == ON_SMALL
    with reading(project.db) as audit:
        after = {sae.name: sae.sha256 for sae in read.saes(audit, 0)}
    assert after["small"] != before["small"]
    assert after["wide"] == before["wide"]
    assert project.due() == []


def test_a_changed_checkpoint_redoes_the_audit(project, world):
    state = torch.load(world.models["sasrec"])
    state["i_embeddings.weight"] = state["i_embeddings.weight"] * 1.5
    torch.save(state, project.folder / "model.pt")
    before = digest(project.folder / "report.json")
    assert done(project.run().err) == STEPS
    assert digest(project.folder / "report.json") != before
    assert project.due() == []
    with reading(project.db) as audit:
        assert len(read.models(audit)) == 1


def test_a_new_seed_reaches_the_ranking_too(project):
    project.change("seed = 0", "seed = 7")
    assert project.run("--only", "analyse").code == 0
    with reading(project.db) as audit:
        assert audit.rows("SELECT DISTINCT seed FROM metrics WHERE protocol = 'recsae'") == [(7,)]


def test_killed_between_steps_it_goes_on_with_the_next(empty_project, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(analyses, "analyse", killed)
    result = empty_project.run()
    assert result.code == ExitCode.INTERRUPTED
    assert done(result.err)[:3] == [INGEST, SMALL, WIDE]
    assert said(result.err)[ANALYSE_SMALL].startswith("✗")
    monkeypatch.undo()
    monkeypatch.chdir(empty_project.folder)
    assert empty_project.due() == STEPS[3:]


def test_killed_while_storing_it_does_the_step_again(project, monkeypatch):
    project.change("k = 4", "k = 5")
    before = digest(project.db)

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.write, "add_training_log", killed)
    assert project.run("--only", "train").code == ExitCode.INTERRUPTED
    monkeypatch.undo()
    monkeypatch.chdir(project.folder)
    with reading(project.db) as audit:
        assert {sae.k for sae in read.saes(audit, 0)} == {4, 3}
    assert digest(project.db) == before
    assert project.due() == ON_SMALL


def test_a_failure_says_which_step_and_keeps_what_is_done(empty_project, monkeypatch):
    def full(*_, **__):
        raise EnvironmentProblem("the disk is full", fix="make room")

    monkeypatch.setattr(training, "train_dictionary", full)
    result = empty_project.run()
    assert result.code == ExitCode.ENVIRONMENT
    assert "error: train small: the disk is full" in result.err
    assert "fix: make room; then run the same again" in result.err
    monkeypatch.undo()
    monkeypatch.chdir(empty_project.folder)
    assert empty_project.due() == STEPS[1:]


def test_only_some_steps(project):
    project.change("k = 4", "k = 5")
    result = project.run("--dry-run", "--only", "train")
    assert done(result.err) == [SMALL]
    assert said(result.err)[LABEL].startswith("– left out")
    late = project.run("--only", "label")
    assert late.code == ExitCode.USAGE
    assert "builds on analyse small, recsae, which is not up to date" in late.err
    assert project.due("--only", "train", "--only", "analyse") == [SMALL, ANALYSE_SMALL]


def test_forced_steps_and_what_builds_on_them(project):
    assert project.due("--force", "cav") == [CAV, *REPORTS]
    assert project.due("--force", "ingest") == STEPS
    assert done(project.run("--force", "label").err) == [LABEL, *REPORTS]
    assert project.due() == []


@pytest.mark.parametrize("flag", ["--only", "--force"])
def test_steps_that_are_none(project, flag):
    assert "no step named lable" in project.run(flag, "lable").err
    project.change("[cav]", "[[cav]]")
    text = project.toml.read_text()
    project.toml.write_text(text[: text.index("[[cav]]")] + text[text.index("[label]") :])
    result = project.run(flag, "cav")
    assert result.code == ExitCode.USAGE
    assert "declares no step cav" in result.err


def test_a_report_edited_by_hand_is_written_again(project):
    (project.folder / "report.md").write_text("all is well\n")
    assert done(project.run().err) == ["report report.md"]
    assert (project.folder / "report.md").read_text().startswith("# Audit of tiny")


def test_what_another_command_made_again_is_made_as_declared(project):
    again = project.cli(
        *("cav", "tiny", "--db", project.db, "--permutations", 25, "--bootstraps", 20, "--again"),
        *("--least-items", 10, "--least-interactions", 0),
    )
    assert again.code == 0, again.err
    result = project.run("--dry-run")
    assert done(result.err) == [CAV, *REPORTS]
    assert "of another command" in said(result.err)[CAV]


def test_a_model_that_another_command_ingested_is_not_written_over(empty_project):
    project = empty_project
    shared = ("model.pt", "--data", "data", "--heads", 2, "--name", "tiny", "--db", project.db)
    assert project.cli("ingest", *shared).code == 0
    before = digest(project.db)
    result = project.run()
    assert result.code == ExitCode.USAGE
    assert "was ingested by another command" in result.err
    assert "--force ingest" in result.err
    assert digest(project.db) == before
    assert project.due("--force", "ingest") == STEPS


def test_a_dictionary_that_another_command_trained_is_not_written_over(project):
    small = ("--latents", 16, "--k", 2, "--steps", 5, "--batch", 64)
    assert project.cli("train", "tiny", "--name", "mine", "--db", project.db, *small).code == 0
    assert project.due() == []
    project.change("k = 3", 'k = 3\n[[dictionary]]\nname = "mine"')
    result = project.run("--dry-run")
    assert result.code == ExitCode.USAGE
    assert "dictionary mine of model tiny was made by another command" in result.err
    project.change('\n[[dictionary]]\nname = "mine"', "")
    project.change("heads = 2", "heads = 4")
    result = project.run()
    assert result.code == ExitCode.USAGE
    assert "with it would go: dictionary mine" in result.err


def test_names_by_hand_are_not_lost_unasked(project):
    named = ("labels", "tiny", "--latent", 3, "--set", "Westerns", "--author", "ann", "--sae", "small")
    assert project.cli(*named, "--db", project.db).code == 0
    assert project.due() == REPORTS, "reports show names by hand; nothing else hangs on them"
    project.change("k = 4", "k = 5")
    result = project.run()
    assert result.code == ExitCode.USAGE
    assert "with it would go 1 names or ratings by hand" in result.err
    assert project.due("--force", "train")[:2] == [SMALL, WIDE]
    project.change("k = 5", "k = 4")
    project.change("heads = 2", "heads = 4")
    assert "1 names or ratings by hand" in project.run().err


def test_an_autoencoder_inside_the_checkpoint_is_audited(empty_project, world):
    project = empty_project
    shutil.copy(world.models["sasrec_sae"], project.folder / world.models["sasrec_sae"].name)
    project.toml.write_text(
        f'[model]\ncheckpoint = "{world.models["sasrec_sae"].name}"\ndata = "data"\n[report]\n'
    )
    result = project.run()
    assert result.code == 0, result.err
    assert done(result.err) == [INGEST, "analyse the model, history"]
    assert "Health of the sparse autoencoder" in result.out
    assert project.due() == []


def test_the_audit_file_and_where_it_lies(empty_project):
    project = empty_project
    other = project.folder / "elsewhere" / "a.duckdb"
    result = project.run("--db", other)
    assert result.code == ExitCode.USAGE
    assert "no such folder" in result.err
    shutil.rmtree(project.folder / "data")
    assert project.run().code == ExitCode.NO_VERDICT


def test_every_step_says_what_decides_it(project):
    """What is stored with the runs is enough to tell what an audit was made from."""
    with reading(project.db) as audit:
        newest = steps.newest(audit, "tiny", "ingest", "tiny")
        assert newest is not None
        assert newest.declared["files"]["checkpoint"] == {"model.pt": digest(project.folder / "model.pt")}
        assert set(newest.declared["files"]["data"]) == {
            *("train.csv", "dev.csv", "test.csv", "item_meta_all_info.csv")
        }
        assert newest.declared["settings"]["protocol"] == "recsae"
        # Where files lie on this machine is in no row.
        assert not any(str(project.folder) in row[0] for row in audit.rows("SELECT arguments FROM runs"))


def test_a_new_kind_of_report_needs_its_ending_alone(project, monkeypatch):
    def render(source, path):
        beside = path.with_name("report-files") / "one.txt"
        return {path: f"{source.report.model['name']} – µ", beside: "beside"}

    monkeypatch.setitem(files.RENDERERS, ".txt", render)
    project.change("report.json", "report.txt")
    assert done(project.run().err) == ["report report.txt"]
    assert (project.folder / "report.txt").read_bytes() == "tiny – µ".encode()
    assert project.due() == []
    (project.folder / "report-files" / "one.txt").unlink()
    assert project.due() == ["report report.txt"]


def test_a_terminal_sees_one_tree(project):
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    screen, stderr = pty.openpty()
    command = [sys.executable, "-m", "recaudit", "run", "tiny.toml", "--force", "report"]
    with subprocess.Popen(
        command, cwd=project.folder, stderr=stderr, stdout=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "50", "OMP_NUM_THREADS": "1"},
    ) as ran:  # fmt: skip
        os.close(stderr)
        text = read_all(screen)
        assert ran.stdout is not None
        assert ran.stdout.read() == b""
    assert ran.returncode == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    last = shown[shown.rindex("the tiny world → tiny.duckdb") :].splitlines()
    steps = [line for line in last if re.match(r"[├└]── ", line)]
    assert [line[4] for line in steps] == ["–"] * 8 + ["✓"] * 2
    assert "report report.md  forced" in steps[8]
    assert any("wrote report.json" in line for line in last)


def read_all(descriptor):
    parts = []
    with contextlib.suppress(OSError):  # the end of a pseudo-terminal, on Linux
        while part := os.read(descriptor, 65536):
            parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()


def test_the_public_room():
    assert set(plans.__all__) <= set(dir(plans))
