"""Fixtures that every room may use."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from recaudit import cli as command_line
from tests import tiny

# A busy machine is no bug: examples have no deadline, and the same ones are tried everywhere.
hypothesis.settings.register_profile("recaudit", deadline=None, derandomize=True)
hypothesis.settings.load_profile("recaudit")


@dataclass(frozen=True)
class World:
    """A tiny world on disk."""

    folder: Path
    data: Path
    models: dict[str, Path]


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    """Data and models, written once."""
    folder = tmp_path_factory.mktemp("world")
    return World(folder, tiny.write_data(folder / "data"), tiny.write_models(folder / "models"))


@pytest.fixture(scope="session")
def audit_path(world) -> Path:
    """An audit of all three models, analysed. Read it; never write to it."""
    from recaudit.analyses.audit import analyse
    from recaudit.ingest import IngestRequest, ingest

    path = world.folder / "audit.duckdb"
    for name, checkpoint in world.models.items():
        ingest(IngestRequest(checkpoint, world.data, path, name=name))
        analyse(path, name, None)
    return path


@dataclass(frozen=True)
class Outcome:
    """What a command did, stdout and stderr apart."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(monkeypatch, tmp_path) -> Callable[..., Outcome]:
    """Run ``recaudit`` in this process, in an empty directory, through the same door as the real command."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = command_line.run_line([str(argument) for argument in arguments])
        return Outcome(int(code), out.getvalue(), err.getvalue())

    return run
