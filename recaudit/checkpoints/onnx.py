"""The weights of an ONNX model: its graph's initializers. The graph itself is not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from recaudit.checkpoints.dtypes import array_from_bytes, widen_bfloat16
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, Unsafe, short

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10

_GRAPH, _INITIALIZER, _SPARSE_INITIALIZER = 7, 5, 15
_DIMS, _TYPE, _FLOATS, _INTS, _LONGS, _NAME, _RAW, _DOUBLES = 1, 2, 4, 5, 7, 8, 9, 10
_EXTERNAL, _LOCATION = 13, 14

_TYPES = {
    1: "<f4", 2: "|u1", 3: "|i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "|b1",
    10: "<f2", 11: "<f8", 12: "<u4", 13: "<u8", 14: "<c8", 15: "<c16", 16: "<u2",
}  # fmt: skip
_BFLOAT16 = 16


def read_onnx(data: memoryview, reading: Reading) -> dict[str, Any]:
    reading.format = "onnx"
    graphs = [value for number, value in _fields(data) if number == _GRAPH]
    if len(graphs) != 1:
        raise Damaged(f"the ONNX model has {len(graphs)} graphs instead of one")
    tensors: dict[str, Any] = {}
    for number, value in _fields(_message(graphs[0])):
        if number == _SPARSE_INITIALIZER:
            raise Damaged("the ONNX model has sparse weights", fix="Export it with dense weights.")
        if number == _INITIALIZER:
            name, array = _tensor(_message(value))
            if name in tensors:
                raise Damaged(f"the ONNX model has two initializers named {short(name)}")
            tensors[name] = array
    if not tensors:
        raise Damaged(
            "the ONNX model has no initializers, so it holds no weights",
            fix="Export it with its weights inside.",
        )
    return tensors


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field number and value of one protobuf message, every length checked."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == _BYTES:
            length, position = _varint(data, position)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise Damaged(f"byte {position} of an ONNX message is no protobuf field")
        if length > len(data) - position:
            raise Damaged(f"an ONNX field declares {length:,} bytes, but {len(data) - position:,} are left")
        yield number, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift, byte in enumerate(data[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, position + shift + 1
    raise Damaged("an ONNX number does not end: the file is cut off or no ONNX model")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise Damaged("an ONNX message is a number")
    return value


def _tensor(data: memoryview) -> tuple[str, np.ndarray]:
    fields: dict[int, list[int | memoryview]] = {}
    for number, value in _fields(data):
        fields.setdefault(number, []).append(value)
    name = bytes(_message(fields.get(_NAME, [memoryview(b"")])[-1])).decode("utf-8", "replace")
    if _EXTERNAL in fields or any(fields.get(_LOCATION, [])):
        raise Unsafe(
            f"the initializer {short(name)} keeps its data in another file"
            f"{_external_location(fields)}, which is never opened",
            fix="Export the model with its weights inside the .onnx file.",
        )
    kind = fields.get(_TYPE, [0])[-1]
    if not isinstance(kind, int) or kind not in _TYPES:
        raise Damaged(f"the initializer {short(name)} has the unknown element type {short(kind)}")
    shape = tuple(_integers(fields.get(_DIMS, [])))
    array = array_from_bytes(_content(fields, kind, name), np.dtype(_TYPES[kind]), shape)
    return name, widen_bfloat16(array) if kind == _BFLOAT16 else array


def _external_location(fields: dict[int, list[int | memoryview]]) -> str:
    for entry in fields.get(_EXTERNAL, []):
        pair = dict(_fields(_message(entry)))
        key, value = pair.get(1, b""), pair.get(2, b"")
        if not isinstance(key, int) and not isinstance(value, int) and bytes(key) == b"location":
            return f" ({short(bytes(value).decode('utf-8', 'replace'))})"
    return ""


def _integers(values: list[int | memoryview]) -> Iterator[int]:
    """A repeated integer field, packed or not; negative numbers fill 64 bits."""
    for value in values:
        if isinstance(value, int):
            yield value
            continue
        position = 0
        while position < len(value):
            number, position = _varint(value, position)
            yield number


def _content(fields: dict[int, list[int | memoryview]], kind: int, name: str) -> memoryview | bytes:
    if _RAW in fields:
        return _message(fields[_RAW][-1])
    typed = {1: (_FLOATS, 4), 14: (_FLOATS, 4), 11: (_DOUBLES, 8), 15: (_DOUBLES, 8)}
    if kind in typed:
        number, width = typed[kind]
        parts = [_message(part) for part in fields.get(number, [])]
        if any(len(part) % width for part in parts):
            raise Damaged(f"the initializer {short(name)} has half a number")
        return b"".join(parts)
    dtype = np.dtype(_TYPES[kind])
    numbers = _integers(fields.get(_LONGS if kind == 7 else _INTS, []))
    mask = (1 << (8 * dtype.itemsize)) - 1
    # float16 and bfloat16 are stored as the integer with their bit pattern.
    return b"".join((n & mask).to_bytes(dtype.itemsize, "little") for n in numbers)


def looks_like_onnx(data: memoryview) -> bool:
    """``ir_version`` first, then another field of ModelProto; or the graph right away."""
    head = bytes(data[:3])
    if len(head) == 3 and head[0] == 0x08 and head[1] < 0x20:
        return head[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)
    return head[:1] == b"\x3a" and len(head) > 1 and head[1] >= 0x80
