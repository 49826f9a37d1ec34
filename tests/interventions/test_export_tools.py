"""Exported files in the tools they came from; the same as ``benchmarks/export.py``, as a test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import SHARED, needs_shared

PYTHON, RECHORUS = os.environ.get("RECAUDIT_TOOLS_PYTHON"), os.environ.get("RECAUDIT_RECHORUS")
SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "export.py"


@needs_shared
@pytest.mark.skipif(
    PYTHON is None, reason="needs RecBole and implicit (set RECAUDIT_TOOLS_PYTHON to a Python that has them)"
)
def test_exported_files_load_in_their_tools_and_score_as_steered():
    more = ["--rechorus", RECHORUS] if RECHORUS else []
    done = subprocess.run(
        [sys.executable, SCRIPT, SHARED / "fixtures", "--tools-python", PYTHON, *more],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
