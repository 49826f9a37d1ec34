"""Notes on the numbers themselves, and on SAE settings that do not fit their weights."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recaudit.checkpoints import Note, scan_file
from recaudit.errors import InputRefused
from tests.checkpoints.forging import Write, read, table


def _notes(write: Write, **arrays: np.ndarray) -> dict[str, Note]:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return {note.code: note for note in read(write(buffer.getvalue())).receipt.notes}


def test_healthy_tables_are_clean(write: Write) -> None:
    assert not _notes(write, user_factors=table(5), item_factors=table(7), bias=np.zeros(7))


def test_non_finite_values_are_counted_with_their_rows(write: Write) -> None:
    items = table(9)
    items[3, 0], items[5] = np.nan, np.inf
    note = _notes(write, item_factors=items)["non-finite"]
    assert note.where == "item_factors"
    assert "5 of 36" in note.message
    assert "1 NaN, 4 infinite" in note.message
    assert "rows 3, 5" in note.message


def test_a_table_without_any_finite_value_is_refused(write: Write) -> None:
    with pytest.raises(InputRefused, match="no finite number"):
        _notes(write, item_factors=np.full((3, 2), np.nan))


@pytest.mark.parametrize(
    ("items", "code"),
    [
        (np.zeros((4, 3)), "identical-rows"), (np.ones((4, 3)), "identical-rows"),
        (np.zeros((0, 3)), "empty-table"), (np.ones(4), "not-a-table"),
        (np.ones((2, 2, 2, 2)), "not-a-table"), (np.array(1.0), "not-a-table"),
        (np.arange(6).reshape(3, 2), "integer-table"), (table() * 1j, "complex-table"),
        (np.sign(table()) * np.float32(3e38), "score-overflow"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_scored_with_are_noted(items: np.ndarray, code: str, write: Write) -> None:
    notes = _notes(write, **{"item_embedding.weight": items})
    assert notes[code].level == "warning"


def test_tables_that_cannot_be_multiplied_are_noted(write: Write) -> None:
    assert "width-mismatch" in _notes(write, user_factors=table(3, 4), item_factors=table(3, 5))
    big = (np.abs(table()) + 1) * np.float32(1e19)
    assert "score-overflow" in _notes(write, user_factors=big, item_factors=big)


SETTINGS = {"architecture": "topk", "d_in": 4, "d_sae": 8, "k": 2}


def _sae(folder: Path, settings: object = SETTINGS, **changes: np.ndarray | None) -> Path:
    library = pytest.importorskip("safetensors.numpy")
    tensors: dict[str, Any] = {
        "W_enc": table(4, 8), "W_dec": table(8, 4), "b_enc": np.zeros(8, np.float32),
        "b_dec": np.zeros(4, np.float32),
    } | changes  # fmt: skip
    path = folder / "sae_weights.safetensors"
    path.write_bytes(library.save({name: a for name, a in tensors.items() if a is not None}))
    text = settings if isinstance(settings, str) else json.dumps(settings)
    (folder / "cfg.json").write_text(text)
    return path


def _sae_codes(path: Path, **options: Any) -> set[str]:
    return {note.code for note in scan_file(path, isolate=False, **options).notes}


def test_a_good_sae_is_clean_as_file_and_as_folder(tmp_path: Path) -> None:
    path = _sae(tmp_path, SETTINGS | {"metadata": {"hook_name": "../../etc/passwd"}})
    assert not _sae_codes(path)
    assert not _sae_codes(tmp_path, widths=(4, 16))


@pytest.mark.parametrize(
    "changes",
    [
        {"k": 9}, {"k": 0}, {"k": -1}, {"k": "8; import os"}, {"k": True}, {"d_in": 5}, {"d_in": [4]},
        {"d_sae": 999}, {"architecture": "quantum"}, {"architecture": ["topk"]}, {"architecture": "gated"},
    ],
)  # fmt: skip
def test_settings_that_contradict_the_weights_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputRefused):
        scan_file(_sae(tmp_path, SETTINGS | changes), isolate=False)


def test_broken_settings_and_missing_tensors_are_refused(tmp_path: Path) -> None:
    for path in (_sae(tmp_path, "{'architecture': 'topk'"), _sae(tmp_path, "[]")):
        with pytest.raises(InputRefused):
            scan_file(path, isolate=False)
    with pytest.raises(InputRefused, match="W_dec"):
        scan_file(_sae(tmp_path, W_dec=None), isolate=False)


def test_units_that_never_fire_are_counted(tmp_path: Path) -> None:
    settings = SETTINGS | {"architecture": "jumprelu"}
    path = _sae(tmp_path, settings, threshold=np.full(8, 1e9, np.float32))
    assert "8 of 8 units (100%)" in scan_file(path, isolate=False).notes[0].message
    assert _sae_codes(_sae(tmp_path, b_enc=np.full(8, -1e9, np.float32))) == {"sae-dead"}


def test_a_width_that_fits_no_table_is_noted(tmp_path: Path) -> None:
    path = _sae(tmp_path)
    notes = scan_file(path, widths=(16, 64), isolate=False).notes
    assert "16, 64" in notes[0].message


def test_a_folder_that_is_no_sae_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="folder"):
        scan_file(tmp_path)
