"""SIGKILL in the middle of a transaction, at several stages of one audit: what was committed stays, the rest is redone."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from tests.plan.declared import MADE, STEPS

DYING = """
import os, signal, sys
from recaudit.cli import main
from recaudit.store import write

left, add_run = int(sys.argv.pop()), write.add_run

def dying(*arguments):
    global left
    left -= 1
    add_run(*arguments)
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

write.add_run = dying
main()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_again_and_again_it_ends_where_it_would_have(project):
    folder = project.folder
    wanted = without_run(folder / "report.json")
    for name in MADE:
        shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()
    behind = 0
    for dies_in in (1, 3, 6):
        ran = subprocess.run(
            [sys.executable, "-c", DYING, "run", "tiny.toml", str(dies_in)],
            cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert ran.returncode == -signal.SIGKILL, ran.stderr
        behind += dies_in - 1
        assert project.due() == STEPS[behind:]
    assert STEPS[behind].startswith("label"), "killed in ingest, train and label"
    result = project.run()
    assert result.code == 0, result.err
    assert project.due() == []
    assert without_run(folder / "report.json") == wanted
    left = {path.name for path in folder.iterdir()}
    assert left == {"tiny.toml", "model.pt", "data", *MADE}


def without_run(path):
    report = json.loads(path.read_text())
    report.pop("run_id")
    return report
