"""Declaring an audit of somebody's files: what is recognised, what is marked, what is never written over."""

import json
import re
import shutil

import numpy as np
import pytest

from recaudit.cli.declared import sections
from recaudit.errors import ExitCode
from recaudit.plan import locate, read_plan, steps_of
from tests.plan.declared import AUDITS, done
from tests.shared import SHARED, needs_shared

SAMPLES = AUDITS.parent / "sample_models"


def draft_of(cli, *files, output="a.toml"):
    result = cli("init", *files, "-o", output)
    assert result.code == 0, result.err
    return result


def plan_of(path):
    return locate(read_plan(path, sections()), [])


def test_what_it_writes_runs_as_it_is(cli, tmp_path, world):
    # Long files names hold the facts that tensors do not: heads, k.
    checkpoint = shutil.copy(world.models["sasrec_sae"], tmp_path)
    result = cli("init", checkpoint, world.data)
    assert result.code == 0, result.err
    assert "FILL IN" not in result.err
    assert "next: recaudit run sasrec.toml" in result.err
    ran = cli("run", "sasrec.toml", "--only", "ingest", "--only", "analyse")
    assert ran.code == 0, ran.err
    assert done(ran.err) == ["ingest sasrec", "analyse the model, recsae"]


def test_the_sample_files_in_any_order(cli, tmp_path):
    files = ("sasrec-sae", "ids.csv", "recbole-sasrec.pth", "movielens-small")
    draft_of(cli, *(SAMPLES / name for name in files))
    plan = plan_of(tmp_path / "a.toml")
    ours = plan_of(AUDITS / "sample-sasrec.toml")
    as_ours = {key: str(path) for key, path in ours.model.files.items()}
    assert {key: str((tmp_path / path).resolve()) for key, path in plan.model.files.items()} == {
        key: str((AUDITS / path).resolve()) for key, path in as_ours.items()
    }
    text = (tmp_path / "a.toml").read_text()
    assert "SASRec (RecBole), 3,497 items, vectors 32 wide" in text
    assert "sparse autoencoder (sparsify), 512 latents".capitalize() in text
    assert "671 users, 3,496 items, 90,072 ratings" in text
    assert "FILL IN" not in text
    assert [step.name for step in steps_of(plan)][:2] == ["ingest", "analyse"], "no second dictionary unasked"


def test_what_files_do_not_say_is_marked(cli, tmp_path, world):
    shutil.copy(world.models["sasrec_sae"], tmp_path / "renamed.pt")
    result = draft_of(cli, "renamed.pt", world.data)
    assert "FILL IN heads" in result.err
    assert "FILL IN k" in result.err
    text = (tmp_path / "a.toml").read_text()
    assert re.search(r"# FILL IN: renamed.pt: .*\n(# .*\n)*# heads = 1\n", text)
    filled = text.replace("# heads = 1", "heads = 2").replace("# k = 1\n", "k = 4\n")
    (tmp_path / "a.toml").write_text(filled)
    ran = cli("run", "a.toml", "--only", "ingest")
    assert ran.code == 0, ran.err


def test_rows_that_nobody_names_are_marked(cli, tmp_path):
    result = draft_of(cli, SAMPLES / "recbole-sasrec.pth", SAMPLES / "movielens-small")
    assert "FILL IN ids: the checkpoint does not say which item each of its 3,497 item rows is" in result.err
    assert "# ids = " in (tmp_path / "a.toml").read_text()


def test_columns_that_nobody_names_are_marked(cli, tmp_path):
    (tmp_path / "sales.csv").write_text("customer,thing\n1,2\n2,3\n")
    result = draft_of(cli, "sales.csv")
    assert "FILL IN column: sales.csv: no user column" in result.err
    assert "# column = { user =" in (tmp_path / "a.toml").read_text()


def test_a_checkpoint_of_no_known_tool(cli, tmp_path):
    np.savez(tmp_path / "odd.npz", **{"cube\n[model]\nadapter": np.zeros((3, 4, 5), np.float32)})
    result = draft_of(cli, "odd.npz")
    assert "FILL IN map: which tensor is what" in result.err
    plan = read_plan(tmp_path / "a.toml", sections())
    assert plan.model.options["adapter"] is None, "names from a file stay inside remarks"


def test_without_files_it_is_the_template(cli, tmp_path):
    draft_of(cli, output="template.toml")
    assert (tmp_path / "template.toml").read_text() == (AUDITS / "template.toml").read_text()
    result = cli("run", "template.toml")
    assert result.code == ExitCode.NO_VERDICT
    assert "`checkpoint` is nowhere: model.pt" in result.err
    assert "`data` is nowhere: ratings" in result.err


@pytest.mark.parametrize("files", [(), ("renamed.pt",)])
def test_every_line_that_is_marked_off_may_be_used(cli, tmp_path, world, files):
    shutil.copy(world.models["sasrec_sae"], tmp_path / "renamed.pt")
    draft_of(cli, *files)
    text = (tmp_path / "a.toml").read_text()
    used = re.sub(r"^# (\w[\w-]* = |\[\[)", r"\1", text, flags=re.MULTILINE)
    assert used != text
    (tmp_path / "used.toml").write_text(used)
    steps_of(read_plan(tmp_path / "used.toml", sections()))


def test_nothing_is_written_over(cli, tmp_path):
    (tmp_path / "a.toml").write_text("mine\n")
    result = cli("init", "-o", "a.toml")
    assert result.code == ExitCode.USAGE
    assert "a.toml is there already" in result.err
    assert (tmp_path / "a.toml").read_text() == "mine\n"
    (tmp_path / "audit.toml").symlink_to(tmp_path / "nowhere")
    result = cli("init")
    assert result.code in (ExitCode.USAGE, ExitCode.ENVIRONMENT)
    assert not (tmp_path / "nowhere").exists()


def test_files_that_are_none(cli, tmp_path, world):
    assert "no such file" in cli("init", "nowhere.pt").err
    twice = cli("init", world.data, world.data)
    assert twice.code == ExitCode.USAGE
    assert "could both be the data" in twice.err
    (tmp_path / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    refused = cli("init", "evil.pkl", "-o", "b.toml")
    assert refused.code == ExitCode.REFUSED
    assert not (tmp_path / "b.toml").exists()
    assert "no such folder" in cli("init", "-o", "none/b.toml").err


@needs_shared
@pytest.mark.shared
def test_real_checkpoints_of_several_tools(cli, tmp_path):
    folder = SHARED / "fixtures" / "checkpoints"
    for tool, rest, name in (
        ("mono4rec-mf", ("items_embeddings_mf_model.csv", "ids.parquet"), "mf"),
        ("rectorch-cvae", ("chkpt.pth", "ids.parquet"), "c-vae"),
    ):
        files = [folder / tool / file for file in rest]
        result = draft_of(
            cli, *files, SHARED / "fixtures" / "data" / "ml-100k", output=f"{json.dumps(name)[1:-1]}.toml"
        )
        assert "FILL IN" not in result.err
        plan = plan_of(tmp_path / f"{name}.toml")
        assert plan.name == name
        assert set(plan.model.files) == {"checkpoint", "data", "ids"}
