"""Whatever happens to a file's bytes, reading ends in a checkpoint or in ``InputRefused``."""

from __future__ import annotations

import io
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recaudit.errors import InputRefused
from recaudit.text import printable
from tests.checkpoints.forging import Write, read, table, tensor_pickle, torch_zip


def _npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, user_factors=table(3, 2), names=np.array(["a", "b"], dtype=object))
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, table(3, 2))
    return buffer.getvalue()


def _safetensors() -> bytes:
    save = pytest.importorskip("safetensors.numpy").save
    return bytes(save({"W_enc": table(3, 2), "b": np.arange(2)}))


def _legacy() -> bytes:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    state = {"w": torch.arange(6.0).reshape(3, 2), "n": torch.arange(2)}
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def _objects(protocol: int) -> bytes:
    value: dict[str, Any] = {"factors": table(3, 2), "ids": ["a", "b"], "k": {1, 2}, 3: (1.5, None)}
    value["path"] = Path("x")
    return pickle.dumps(value, protocol)


SEEDS = {
    "torch-zip": lambda: torch_zip(tensor_pickle(), {"0": table(4, 2).tobytes()}, byteorder=b"little"),
    "torch-legacy": _legacy,
    "pickle-0": lambda: _objects(0),
    "pickle-2": lambda: _objects(2),
    "pickle-5": lambda: _objects(5),
    "npz": _npz,
    "npy": _npy,
    "safetensors": _safetensors,
    "word2vec": lambda: b"2 2\na 0.5 1\nb 2 3\n",
    "csv": lambda: b'item_id,title,x\n1,"a ""b""",2\n2,c,\n',
    "json": lambda: b'{"10": 0, "20": 1, "x": {"y": [1, 2.5, null]}}',
}


def _read_or_refuse(content: bytes, write: Write) -> None:
    refusal = _refusal(content, write)
    if refusal:
        assert refusal.fix
        assert printable(refusal.message) == refusal.message


def _refusal(content: bytes, write: Write) -> InputRefused | None:
    try:
        read(write(content))
    except InputRefused as refusal:
        return refusal
    return None


@pytest.mark.parametrize("kind", SEEDS)
def test_files_cut_off_anywhere(kind: str, write: Write) -> None:
    content = SEEDS[kind]()
    for end in range(0, len(content), max(1, len(content) // 400)):
        _read_or_refuse(content[:end], write)


@pytest.mark.parametrize("kind", SEEDS)
def test_files_with_flipped_bytes(kind: str, write: Write) -> None:
    content = SEEDS[kind]()
    rng = random.Random(kind)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(rng.choice((1, 1, 2, 8))):
            damaged[rng.randrange(len(damaged))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        _read_or_refuse(bytes(damaged), write)


def test_random_instructions(write: Write) -> None:
    rng = random.Random(7)
    opcodes = b"(.01JKMNRTUXabcd}eghijl]oqrstu)BCG\x81\x85\x86\x87\x88\x89\x8a\x8c\x8f\x90\x91\x93\x94"
    for _ in range(1500):
        body = bytes(rng.choice(opcodes) for _ in range(rng.randrange(1, 60)))
        _read_or_refuse(b"\x80\x04" + body + b".", write)
