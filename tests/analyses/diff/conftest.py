"""Audits of the planted worlds."""

from __future__ import annotations

from pathlib import Path

import pytest

from recaudit.analyses import concepts
from recaudit.analyses.audit import analyse
from recaudit.ingest import IngestRequest, ingest
from tests.analyses.diff import worlds

VARIANTS = {
    "plain": {},
    "shuffled": {"shuffled": True},
    "no-horror": {"without": "Horror"},
}


FIRST = worlds.USERS + 1
"""First user of the strangers."""


@pytest.fixture(scope="session")
def planted(tmp_path_factory) -> Path:
    """One audit of all variants, analysed. Read it; never write to it."""
    folder = tmp_path_factory.mktemp("planted")
    data = worlds.write_data(folder / "data")
    path = folder / "planted.duckdb"
    for name, variant in VARIANTS.items():
        checkpoint = worlds.write(folder / name, worlds.state(**variant))
        ingest(IngestRequest(checkpoint, data, path, name=name))
        analyse(path, name, None)
        concepts.ensure(path, name)
    return path


@pytest.fixture(scope="session")
def strangers(tmp_path_factory) -> Path:
    """The plain model on users of other names."""
    folder = tmp_path_factory.mktemp("strangers")
    data = worlds.write_data(folder / "data", first_user=FIRST)
    path = folder / "strangers.duckdb"
    ingest(IngestRequest(worlds.write(folder, worlds.state(first_user=FIRST)), data, path, name="plain"))
    analyse(path, None, None)
    return path
