"""The process between an untrusted file and us: what crosses, what is bounded, what is left out."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recaudit.checkpoints import DEFAULT_LIMITS, Limits, Stub, isolation, read_checkpoint, scan_file
from recaudit.checkpoints.codec import decode, read_message, write_checkpoint
from recaudit.checkpoints.types import Checkpoint, Note, Receipt
from recaudit.errors import InputRefused
from tests.checkpoints.forging import Write, call_pickle, read, safetensors_file, table

RECEIPT = Receipt("f", "0" * 64, 1, "pickle", 0, {"a.B": 2}, ("optimizer",), (Note("info", "c", "m"),))


def _through_the_codec(tree: Any) -> Checkpoint:
    spool = io.BytesIO()
    write_checkpoint(Checkpoint(Path("f"), tree, RECEIPT), spool, 1 << 20)
    content = memoryview(spool.getvalue())
    return Checkpoint(Path("f"), *decode(*_message(content)))


def _message(content: memoryview) -> tuple[dict[str, Any], memoryview, int]:
    header, start = read_message(content)
    return header, content, start


def test_every_kind_of_value_crosses_unchanged() -> None:
    shared = [1, "x" * 500]
    tree = {
        "scalars": [None, True, False, 0, -5, 2**53, 2**200, -(2**70), 0.1, float("inf"), 1j, "é\ud800"],
        "containers": ({1, 2}, frozenset({"a"}), (), [], {}, (1, (2,))),
        ("tuple", 1): b"raw",
        7: bytearray(b"mutable"),
        "shared": [shared, shared],
    }
    checkpoint = _through_the_codec(tree)
    assert checkpoint.tree == tree
    assert checkpoint.tree["shared"][0] is checkpoint.tree["shared"][1]
    assert checkpoint.receipt == RECEIPT


@pytest.mark.parametrize(
    "array",
    [table(), table().T, table()[::2], np.zeros((0, 10**6)), np.array(2.0), np.array(["a", "é"]),
     np.array([True]), np.array(["2020"], "M8[D]"), np.array([1j])],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)  # fmt: skip
def test_arrays_cross_unchanged(array: np.ndarray) -> None:
    found = _through_the_codec([array, array]).tree
    np.testing.assert_array_equal(found[0], array)
    assert found[0].dtype == array.dtype
    assert found[0] is found[1]


def test_stubs_cross_with_all_their_parts() -> None:
    stub = Stub("a.B", (1,), {"w": table()}, [2], [("k", 3)])
    found = _through_the_codec(stub).tree
    assert (found.name, found.args, found.items, found.entries) == ("a.B", (1,), [2], [("k", 3)])
    np.testing.assert_array_equal(found.fields["w"], table())


def test_both_ways_of_reading_agree(write: Write) -> None:
    path = write(pickle.dumps({"factors": table(), "ids": ["a"], "k": {1, 2}}))
    isolated, inside = read_checkpoint(path), read(path)
    np.testing.assert_array_equal(isolated.tree.pop("factors"), inside.tree.pop("factors"))
    assert isolated.tree == inside.tree
    assert isolated.receipt == inside.receipt


def test_arrays_may_be_changed_without_touching_the_file(write: Write) -> None:
    path = write(pickle.dumps(table()))
    before = path.read_bytes()
    read_checkpoint(path).tree[:] = 0
    assert path.read_bytes() == before


def test_refusals_cross_with_their_fix_and_without_escapes(write: Write) -> None:
    path = write(call_pickle("os", "system\x1b[2J\nnext", "true"))
    with pytest.raises(InputRefused) as refusal:
        read_checkpoint(path)
    assert refusal.value.message.isprintable()
    assert refusal.value.message.startswith("upload: ")
    assert "safetensors" in refusal.value.fix


def test_names_with_shell_and_sql_in_them_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "it's; ATTACH 'x' AS y; -- $(touch ran) \x1b[31m.npy"
    with path.open("wb") as file:
        np.save(file, table())
    assert scan_file(path).file == path.name
    assert os.listdir(tmp_path) == [path.name]


def test_nothing_beside_the_file_or_in_the_current_directory_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("numpy", "json", "sitecustomize", "usercustomize", "duckdb", "recaudit"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported the wrong file')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps({"w": table()}))
    assert read_checkpoint(path).receipt.tensors == 1


def _bounded(**changes: int) -> Limits:
    return replace(DEFAULT_LIMITS, **changes)


def test_too_much_memory_is_a_refusal(write: Write) -> None:
    content = b"\x80\x02" + b"](" * 1_500_000
    with pytest.raises(InputRefused, match="memory"):
        read_checkpoint(write(content), limits=_bounded(memory_bytes=200 << 20, depth=10**9))


def test_too_much_time_is_a_refusal(write: Write) -> None:
    path = write(pickle.dumps(list(range(3_000_000))))
    with pytest.raises(InputRefused, match="1 seconds"):
        read_checkpoint(path, limits=_bounded(seconds=1, values=10**9))


def test_too_much_output_is_a_refusal(write: Write) -> None:
    path = write(pickle.dumps({"w": table(2000, 50)}))
    with pytest.raises(InputRefused, match="far more"):
        read_checkpoint(path, limits=_bounded(output_bytes=1000, output_per_byte=0))


def test_the_death_of_the_reader_is_a_refusal(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(pickle.dumps({"a": 1}))
    for boot, word in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("raise KeyError('surprise')", "surprise"),
        ("pass", "without a result"),
    ):
        monkeypatch.setattr(isolation, "_BOOT", boot)
        with pytest.raises(InputRefused, match=word):
            read_checkpoint(path)


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path, tmp_path / "missing"):
        with pytest.raises(InputRefused):
            read_checkpoint(path)


def test_a_huge_declared_header_costs_nothing(write: Write) -> None:
    with pytest.raises(InputRefused):
        read_checkpoint(write(safetensors_file(b"{}")[:8].replace(b"\x02", b"\x7f", 1) + b"{}"))


def test_importing_the_room_is_light() -> None:
    code = (
        "import sys, recaudit.checkpoints; "
        "print([m for m in ('torch', 'pandas', 'duckdb', 'textual', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
