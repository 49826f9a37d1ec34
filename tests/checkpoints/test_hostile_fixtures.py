"""The collection of hostile files: each one refused or noted as its manifest asks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from recaudit.checkpoints import Receipt, scan_file
from recaudit.errors import ExitCode, InputRefused
from tests.shared import SHARED, needs_shared

pytestmark = [pytest.mark.shared, needs_shared]

FOLDER = (SHARED or Path()) / "fixtures" / "hostile"
LARGEST_MEMORY_KIB = 500 * 1024
LONGEST_SECONDS = 10
MEASURED = """
import re, resource, sys
from pathlib import Path
from recaudit.checkpoints import scan_file
from recaudit.errors import InputRefused
try:
    scan_file(Path(sys.argv[1]))
except InputRefused:
    pass
own = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
"""
"""Prints the peak resident KiB of scanning one file, the reading child included. Not ``RUSAGE_SELF``: it still
counts the pages of the process that started this one."""


def _cases() -> list[Any]:
    manifest = FOLDER / "manifest.json"
    cases = json.loads(manifest.read_text())["cases"] if manifest.is_file() else []
    return [pytest.param(case, id=case["file"]) for case in cases]


def _scan(path: Path) -> Receipt | InputRefused:
    try:
        return scan_file(path)
    except InputRefused as refusal:
        return refusal


@pytest.mark.parametrize("case", _cases())
def test_case(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = _scan(FOLDER / case["file"])
    assert not list(tmp_path.iterdir())
    assert not list(FOLDER.rglob("PWNED-*"))
    _check(outcome, case["expect"]["ingest"])


@pytest.mark.parametrize("case", [case for case in _cases() if "limits" in case.values[0]["expect"]])
def test_bombs_take_neither_time_nor_memory(case: dict[str, Any], tmp_path: Path) -> None:
    started = time.monotonic()
    arguments = [sys.executable, "-c", MEASURED, str(FOLDER / case["file"])]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert time.monotonic() - started < LONGEST_SECONDS
    assert int(done.stdout) < LARGEST_MEMORY_KIB


def _check(outcome: Receipt | InputRefused, expected: str) -> None:
    if isinstance(outcome, InputRefused):
        assert "reject" in expected
        assert outcome.exit_code is ExitCode.REFUSED
        assert outcome.message.isprintable()
        assert outcome.fix
    elif expected == "accept":
        assert outcome.verdict == "clean"
    elif expected == "accept with a warning":
        assert outcome.verdict == "warnings"
    else:
        assert expected.startswith("accept or reject")


def test_an_sae_is_held_against_the_tables_it_should_explain() -> None:
    path = FOLDER / "sae_wrong_dim" / "sae_weights.safetensors"
    widths = [note.message for note in scan_file(path, widths=(8, 64)).notes if note.code == "sae-width"]
    assert "8, 64" in widths[0]
