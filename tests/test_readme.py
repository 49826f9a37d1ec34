"""The README's main job, on its real files: every command of its first block after the installation."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def clone(tmp_path):
    """What a clone has, where commands may write beside it."""
    for name in ("audits", "sample_models"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def main_job():
    block = re.search(r"^## First audit.*?```sh\n(.*?)```", README, flags=re.DOTALL | re.MULTILINE)
    assert block is not None
    commands = [shlex.split(part) for part in block[1].split(" && ")]
    return [words[1:] for words in commands if Path(words[0]).name == "recaudit"]


def test_the_main_job_ends_in_reports(clone, cli):
    for words in main_job():
        result = cli(*words)
        assert result.code == 0, result.err
    # The last words of the job are on the screen, and the files it promises are there.
    assert "Audit of sasrec" in result.out
    promised = re.search(r"report is on the screen and in (.*?)\.\n", README)
    assert promised is not None
    files = re.findall(r"`([^`]+)`", promised[1])
    assert files
    assert all((clone / name).stat().st_size > 1000 for name in files)
