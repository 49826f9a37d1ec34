"""A declared audit of the tiny world, in a folder of its own whose files a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.plan.declared import DECLARED, MADE, Project


@pytest.fixture
def empty_project(cli, tmp_path, world) -> Project:
    """Declared, nothing done."""
    shutil.copy(world.models["sasrec"], tmp_path / "model.pt")
    shutil.copytree(world.data, tmp_path / "data")
    (tmp_path / "tiny.toml").write_text(DECLARED)
    return Project(tmp_path, cli)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory) -> Path:
    """Where the first run of the session leaves what it made, for others to start from."""
    return tmp_path_factory.mktemp("first_run")


@pytest.fixture
def project(empty_project, first_run) -> Project:
    """Everything done once."""
    if not (first_run / "stderr").exists():
        result = empty_project.run()
        assert result.code == 0, result.err
        bring(empty_project.folder, first_run)
        (first_run / "stderr").write_text(result.err)
    bring(first_run, empty_project.folder)
    return empty_project


def bring(source: Path, target: Path) -> None:
    """Copy what a run made, files and folders."""
    for name in MADE:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            shutil.copy(source / name, target / name)
