"""NumPy's own files: ``.npy`` arrays and ``.npz`` archives of them."""

from __future__ import annotations

import ast
import struct
from typing import Any

from recaudit.checkpoints.dtypes import array_from_bytes, plain_dtype
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, Unsafe, short
from recaudit.checkpoints.unpickle import Unpickler
from recaudit.checkpoints.zipfiles import Zip

NPY_MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000
_HEADER_KEYS = {"descr", "fortran_order", "shape"}


def read_npz(archive: Zip, reading: Reading) -> dict[str, Any]:
    reading.format = "npz"
    return {
        name.removesuffix(".npy"): read_npy(archive.read(name), reading, where=name)
        for name in archive.members
    }


def read_npy(data: memoryview, reading: Reading, where: str = "") -> Any:
    """The array, or for a pickled object array its elements as lists."""
    at = f" in the member {short(where)}" if where else ""
    header, content = _split(data, at)
    if _is_object(header["descr"]):
        return _pickled(content, reading, where)
    if not isinstance(header["descr"], str):
        raise Damaged(f"the array{at} has a structured type", fix="Save each column as an array of its own.")
    return array_from_bytes(
        content,
        plain_dtype(header["descr"]),
        header["shape"],
        column_major=header["fortran_order"] is True,
    )


def _split(data: memoryview, at: str) -> tuple[dict[str, Any], memoryview]:
    if bytes(data[:6]) != NPY_MAGIC or len(data) < 12:
        raise Damaged(f"the array{at} has no NumPy header")
    wide = data[6] >= 2
    (length,) = struct.unpack_from("<I" if wide else "<H", data, 8)
    start = 12 if wide else 10
    if data[6] not in (1, 2, 3) or length > LONGEST_HEADER or start + length > len(data):
        raise Damaged(
            f"the NumPy header{at} declares {length:,} bytes in format version {data[6]}; "
            f"{len(data) - start:,} are there and {LONGEST_HEADER:,} are allowed"
        )
    return _header(bytes(data[start : start + length]), at), data[start + length :]


def _header(text: bytes, at: str) -> dict[str, Any]:
    try:
        # Parses literals only; the bound on the length bounds its nesting too.
        header = ast.literal_eval(text.decode("utf-8").strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise Unsafe(f"the NumPy header{at} is not a plain literal: {short(text.strip())}") from error
    if not isinstance(header, dict) or set(header) != _HEADER_KEYS:
        raise Damaged(f"the NumPy header{at} does not hold exactly descr, fortran_order and shape")
    return header


def _is_object(descr: Any) -> bool:
    return isinstance(descr, str) and descr.lstrip("<>|=") in ("O", "O8")


def _pickled(content: memoryview, reading: Reading, where: str) -> Any:
    machine = Unpickler(content, reading)
    value = machine.load()
    if machine.position != len(content):
        raise Unsafe(f"{len(content) - machine.position} bytes follow the pickled array")
    reading.info("object-array", "a pickled object array was read as plain values", where)
    return value
