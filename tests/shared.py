"""Where the real fixtures are: not part of the repository, used where present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CANDIDATES = [
    Path(os.environ.get("RECAUDIT_FIXTURES", "")),
    Path(__file__).resolve().parents[2] / "shared",
]

SHARED: Path | None = next((path for path in _CANDIDATES if (path / "fixtures").is_dir()), None)
"""A folder holding ``fixtures/`` and ``data/``, or None."""

needs_shared = pytest.mark.skipif(
    SHARED is None, reason="needs the real fixtures (set RECAUDIT_FIXTURES to their folder)"
)
