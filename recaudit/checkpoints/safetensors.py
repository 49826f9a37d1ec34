"""safetensors: a JSON header and the tensors' bytes, which must tile the rest of the file."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from recaudit.checkpoints.dtypes import array_from_bytes, element_count, widen_bfloat16, widen_float8
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, short
from recaudit.checkpoints.strict_json import parse_json

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "C64": "<c8", "BOOL": "|b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BF16": "<u2",
    "F8_E4M3": "|u1", "F8_E5M2": "|u1",
}  # fmt: skip
_FLOAT8_NAMES = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
_ENTRY_KEYS = {"dtype", "shape", "data_offsets"}
_METADATA = "__metadata__"


def is_safetensors(data: memoryview) -> bool:
    # The length before the brace is a number, never eight characters of text.
    binary = any(not 0x20 <= byte <= 0x7E and byte not in b"\t\n\r" for byte in data[:8])
    return len(data) > 8 and data[8] == ord("{") and binary


def read_safetensors(data: memoryview, reading: Reading) -> dict[str, Any]:
    reading.format = "safetensors"
    header, content = _split(data, reading.limits.header_bytes)
    _check_metadata(header.pop(_METADATA, {}))
    entries = {name: _entry(name, entry) for name, entry in header.items()}
    _check_tiling(entries, len(content))
    return {
        name: _array(name, dtype, shape, content[begin:end], reading)
        for name, (dtype, shape, begin, end) in entries.items()
    }


def _split(data: memoryview, longest: int) -> tuple[dict[str, Any], memoryview]:
    (length,) = struct.unpack_from("<Q", data)
    if length > min(longest, len(data) - 8):
        raise Damaged(f"the safetensors header declares {length:,} bytes, but the file has {len(data):,}")
    try:
        text = bytes(data[8 : 8 + length]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged("the safetensors header is not UTF-8") from error
    header = parse_json(text, "the safetensors header")
    if not isinstance(header, dict):
        raise Damaged("the safetensors header is not a JSON object")
    return header, data[8 + length :]


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise Damaged("the safetensors metadata is not a map of text to text")


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    if not isinstance(entry, dict) or set(entry) != _ENTRY_KEYS:
        raise Damaged(f"the header of tensor {short(name)} lacks dtype, shape or data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise Damaged(f"tensor {short(name)} has the unknown type {short(dtype)}")
    if not _counts(shape) or not _counts(offsets) or len(offsets) != 2:
        raise Damaged(
            f"tensor {short(name)} has shape {short(shape)} and offsets {short(offsets)}, "
            "which are not all counts"
        )
    begin, end = offsets
    expected = element_count(tuple(shape)) * np.dtype(_DTYPES[dtype]).itemsize
    if end - begin != expected:
        raise Damaged(
            f"tensor {short(name)} of shape {shape} and type {dtype} needs {expected:,} bytes, "
            f"but its offsets span {end - begin:,}"
        )
    return dtype, tuple(shape), begin, end


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)


def _check_tiling(entries: dict[str, tuple[str, tuple[int, ...], int, int]], size: int) -> None:
    expected = 0
    for name, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != expected:
            what = "overlaps the one before" if begin < expected else "leaves a gap before it"
            raise Damaged(f"tensor {short(name)} starts at byte {begin:,} and {what}")
        expected = end
    if expected != size:
        raise Damaged(f"the tensors need {expected:,} bytes, but {size:,} follow the safetensors header")


def _array(
    name: str, dtype: str, shape: tuple[int, ...], content: memoryview, reading: Reading
) -> np.ndarray:
    array = array_from_bytes(content, np.dtype(_DTYPES[dtype]), shape)
    if dtype == "BF16":
        return widen_bfloat16(array)
    if dtype in _FLOAT8_NAMES:
        reading.warn("float8", f"a tensor of {dtype} was widened to float32", name)
        return widen_float8(array, _FLOAT8_NAMES[dtype])
    return array
