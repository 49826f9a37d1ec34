"""Files as the tools wrote them: all open, and their state dicts have the tensors they should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recaudit.checkpoints import Checkpoint, scan_file
from tests.checkpoints.forging import read
from tests.shared import SHARED, needs_shared

pytestmark = [pytest.mark.shared, needs_shared]

FIXTURES = (SHARED or Path()) / "fixtures"
WIDENED = {"torch.bfloat16": "float32", "bfloat16": "float32"}


def _files() -> list[Any]:
    files = [*FIXTURES.glob("checkpoints/*/**/*"), *FIXTURES.glob("ml-1m-rechorus/*.pt")]
    return [
        pytest.param(path, id=str(path.relative_to(FIXTURES)))
        for path in sorted(files)
        if path.is_file() and path.name != "manifest.json"
    ]


def _folders() -> list[Any]:
    found = []
    for manifest in sorted(FIXTURES.glob("*/**/manifest.json")):
        described = json.loads(manifest.read_text())
        if isinstance(described, dict) and described.get("state_dict"):
            found.append(pytest.param(manifest.parent, described, id=manifest.parent.name))
    return found


@pytest.mark.parametrize("path", _files())
def test_a_real_file_opens_without_a_warning(path: Path) -> None:
    receipt = scan_file(path, isolate=False)
    assert receipt.verdict == "clean"


@pytest.mark.parametrize(("folder", "described"), _folders())
def test_the_state_dict_is_complete(folder: Path, described: dict[str, Any]) -> None:
    found: dict[str, np.ndarray] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".json", ".parquet", ".csv", ".meta") and path.is_file():
            found |= _by_last_part(read(path))
    for key, dtype, shape in _described(described["state_dict"]):
        assert list(found[key].shape) == shape, key
        assert str(found[key].dtype) == WIDENED.get(dtype, dtype.removeprefix("torch.")), key


def _by_last_part(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    return {path.rpartition("/")[2]: array for path, array in checkpoint.tensors().items()}


def _described(entries: Any) -> list[tuple[str, str, list[int]]]:
    if isinstance(entries, dict):
        return [(key, entry["dtype"], entry["shape"]) for key, entry in entries.items()]
    return [(entry["key"], entry["dtype"], entry["shape"]) for entry in entries]
