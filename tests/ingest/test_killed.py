"""Kill ``ingest`` at random moments: the audit file is as before, or complete, and always opens."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recaudit.store import read, reading

KILLS = int(os.environ.get("RECAUDIT_KILLS", "20"))


class Forker:
    """Starts ingestions that can be killed; see ``forker.py``."""

    def __init__(self, world):
        self.world = world
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("forker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self, name, db):
        fields = (name, self.world.models["sasrec_sae"], self.world.data, db)
        self.process.stdin.write("\t".join(map(str, fields)) + "\n")
        return int(self.process.stdout.readline())

    def status(self):
        return int(self.process.stdout.readline())

    def run(self, name, db):
        """Seconds of a whole, successful ingestion."""
        started = time.monotonic()
        self.start(name, db)
        assert self.status() == 0
        return time.monotonic() - started


@pytest.fixture(scope="module")
def forker(world):
    forker = Forker(world)
    yield forker
    forker.process.communicate()


def state(path):
    """Everything that could be half there."""
    if not path.exists():
        return None
    with reading(path) as audit:
        models = [model.name for model in read.models(audit)]
        tables = [name for (name,) in audit.rows("SELECT table_name FROM duckdb_tables() ORDER BY 1")]
        counts = {table: audit.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}
    return models, counts


@pytest.mark.parametrize("onto_existing", [False, True], ids=["nothing", "an audit"])
def test_killed_at_random_moments(forker, tmp_path, onto_existing):
    original, path = tmp_path / "original.duckdb", tmp_path / "a.duckdb"
    if onto_existing:
        forker.run("first", original)
        shutil.copy(original, path)
    before = state(path)
    forker.run("second", path)
    complete = state(path)
    took = min(forker.run("timed", tmp_path / f"{n}.duckdb") for n in range(3))
    rng = random.Random(0)
    killed = 0
    for _ in range(KILLS):
        for leftover in tmp_path.glob("a.duckdb*"):
            leftover.unlink()
        if onto_existing:
            shutil.copy(original, path)
        pid = forker.start("second", path)
        time.sleep(took * rng.random())
        with contextlib.suppress(ProcessLookupError):  # it may have finished first
            os.kill(pid, signal.SIGKILL)
        was_killed = os.WIFSIGNALED(forker.status())
        killed += was_killed
        if not was_killed:
            took *= 0.9  # the machine got faster: aim earlier, or most kills would come too late
        assert state(path) in (before, complete)
    assert killed >= KILLS / 4
