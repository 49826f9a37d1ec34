from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoints.forging import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Puts bytes into a file whose name says nothing about them."""

    def write(content: bytes) -> Path:
        path = tmp_path / "upload"
        path.write_bytes(content)
        return path

    return write
