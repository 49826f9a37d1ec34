"""Makes small files by hand, benign and hostile, for the reading tests."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from recaudit.checkpoints import Checkpoint, read_checkpoint

Write = Callable[[bytes], Path]


def read(path: Path) -> Checkpoint:
    """Without a process of its own: fast, and a crash of a reader shows as its own exception."""
    return read_checkpoint(path, isolate=False)


class Calls:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._reduced = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._reduced


def call_pickle(module: str, name: str, *arguments: Any) -> bytes:
    """A protocol 4 pickle that calls ``module.name``, which need not exist."""
    body = b"".join(pickle.dumps(argument, protocol=0)[:-1] for argument in arguments)
    return b"\x80\x04" + _text(module) + _text(name) + b"\x93(" + body + b"tR."


def _text(text: str) -> bytes:
    raw = text.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def torch_zip(data_pickle: bytes, storages: dict[str, bytes] | None = None, **members: bytes) -> bytes:
    """A torch archive around ``data_pickle``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", data_pickle)
        for name, content in members.items():
            archive.writestr(f"archive/{name}", content)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return buffer.getvalue()


def tensor_pickle(
    size: tuple[int, ...] = (4, 2),
    stride: tuple[int, ...] = (2, 1),
    *,
    offset: int = 0,
    count: int = 8,
    storage: str = "FloatStorage",
    key: str = "item_embedding.weight",
) -> bytes:
    """A state dict of one tensor with everything about it up to the caller."""
    reference = b"(X\x07\0\0\0storagectorch\n" + storage.encode() + b"\nX\x01\0\0\x000X\x03\0\0\0cpu"
    reference += _integer(count) + b"tQ"
    arguments = reference + _integer(offset) + _integers(size) + _integers(stride)
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"\x89}tR"
    name = key.encode()
    return b"\x80\x02}X" + struct.pack("<I", len(name)) + name + tensor + b"s."


def _integer(value: int) -> bytes:
    raw = value.to_bytes(9, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def _integers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(_integer, values)) + b"t"


def safetensors_file(header: bytes, content: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + content


def npy_file(header: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def table(rows: int = 6, width: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
