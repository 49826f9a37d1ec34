"""How a tree travels from the isolated process to ours: one line of JSON, then raw arrays.

Nodes are listed children first, so the receiver builds the tree in one pass without recursion.
A value in JSON is itself when it is null, a boolean, a float, a short text or a small integer; a list
``[n]`` refers to node ``n``. Arrays and bytes lie after the header at aligned offsets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np

from recaudit.checkpoints.refusals import Unsafe
from recaudit.checkpoints.types import Checkpoint, Note, Receipt, Stub

ALIGNMENT = 64
SHORT_TEXT = 64
SMALL_INTEGER = 1 << 53


class SpoolFull(Unsafe):
    """The decoded arrays are larger than any honest file of that size would give."""


def write_checkpoint(checkpoint: Checkpoint, spool: BinaryIO, most_bytes: int) -> None:
    """Writes ``checkpoint`` so that ``read_checkpoint_from`` gives it back."""
    encoder = _Encoder(most_bytes)
    root = encoder.encode(checkpoint.tree)
    header = {
        "tree": root,
        "nodes": encoder.nodes,
        "receipt": asdict(checkpoint.receipt),
    }
    spool.write(message(header))
    for array in encoder.arrays:
        spool.write(b"\0" * (-spool.tell() % ALIGNMENT))
        # One array at a time is brought into order, so views cost no memory while they wait.
        native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
        spool.write(native.reshape(-1).view(np.uint8).data if native.size else b"")
    spool.flush()


def message(header: dict[str, Any]) -> bytes:
    """``header`` with its length in front, the form ``read_message`` takes apart."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text


def read_message(spool: memoryview) -> tuple[dict[str, Any], int]:
    """The header and where the arrays begin."""
    length = int.from_bytes(spool[:8], "little")
    return json.loads(bytes(spool[8 : 8 + length])), 8 + length


class _Encoder:
    def __init__(self, most_bytes: int) -> None:
        self.nodes: list[list[Any]] = []
        self.arrays: list[np.ndarray] = []
        self._bytes_left = most_bytes
        self._index: dict[int, int] = {}
        self._alive: list[Any] = []

    def encode(self, tree: Any) -> Any:
        stack: list[tuple[Any, Iterator[Any]]] = [(tree, iter(_children(tree)))]
        while stack:
            value, children = stack[-1]
            for child in children:
                if _has_children(child) and id(child) not in self._index:
                    stack.append((child, iter(_children(child))))
                    break
            else:
                stack.pop()
                reference = self._value(value)
        return reference

    def _value(self, value: Any) -> Any:
        if _is_inline(value):
            return value
        if id(value) not in self._index:
            node = self._node(value)
            self._index[id(value)] = len(self.nodes)
            self._alive.append(value)
            self.nodes.append(node)
        return [self._index[id(value)]]

    def _node(self, value: Any) -> list[Any]:
        match value:
            case str():
                return ["text", value]
            case int():
                return ["int", hex(value)]
            case complex():
                return ["complex", value.real, value.imag]
            case bytes() | bytearray():
                self._keep(np.frombuffer(value, np.uint8))
                return ["bytes", len(value)]
            case np.ndarray():
                self._keep(value)
                return ["array", value.dtype.newbyteorder("=").str, list(value.shape)]
            case dict():
                return ["dict", *(self._value(part) for pair in value.items() for part in pair)]
            case Stub():
                parts = (value.args, value.state, value.items)
                pairs = (self._value(part) for pair in value.entries for part in pair)
                return ["stub", value.name, *map(self._value, parts), *pairs]
            case list() | tuple() | set() | frozenset():
                return [type(value).__name__, *map(self._value, value)]
        raise TypeError(f"{type(value).__name__} cannot travel")

    def _keep(self, array: np.ndarray) -> None:
        self._bytes_left -= array.nbytes + ALIGNMENT
        if self._bytes_left < 0:
            raise SpoolFull("the arrays in the file unfold to far more than the file's size")
        self.arrays.append(array)


def _is_inline(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= SHORT_TEXT
    if isinstance(value, int):
        return -SMALL_INTEGER < value < SMALL_INTEGER
    return value is None or isinstance(value, float)


def _has_children(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset, dict, Stub))


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield entry
    elif isinstance(value, Stub):
        yield from (value.args, value.state, value.items)
        for key, entry in value.entries:
            yield key
            yield entry
    elif _has_children(value):
        yield from value


def decode(header: dict[str, Any], spool: memoryview, start: int) -> tuple[Any, Receipt]:
    """The tree and receipt; arrays are views of ``spool``."""
    decoder = _Decoder(header["nodes"], spool, start)
    receipt = header["receipt"]
    receipt["notes"] = tuple(Note(**note) for note in receipt["notes"])
    receipt["skipped"] = tuple(receipt["skipped"])
    return decoder.value(header["tree"]), Receipt(**receipt)


class _Decoder:
    def __init__(self, nodes: list[list[Any]], spool: memoryview, start: int) -> None:
        self._spool = spool
        self._position = start
        self._built: list[Any] = []
        for kind, *parts in nodes:
            self._built.append(self._build(kind, parts))

    def value(self, encoded: Any) -> Any:
        return self._built[encoded[0]] if isinstance(encoded, list) else encoded

    def _build(self, kind: str, parts: list[Any]) -> Any:
        match kind:
            case "text":
                return parts[0]
            case "int":
                return int(parts[0], 16)
            case "complex":
                return complex(*parts)
            case "array":
                return self._array(np.dtype(parts[0]), tuple(parts[1]))
            case "bytes":
                return bytes(self._take(parts[0]))
            case "dict":
                return dict(self._pairs(parts))
            case "stub":
                name, args, state, items, *entries = parts
                pairs = self._pairs(entries)
                return Stub(name, self.value(args), self.value(state), self.value(items), pairs)
            case "list":
                return [self.value(part) for part in parts]
        containers = {"tuple": tuple, "set": set, "frozenset": frozenset}
        return containers[kind](map(self.value, parts))

    def _pairs(self, parts: list[Any]) -> list[tuple[Any, Any]]:
        values = [self.value(part) for part in parts]
        return list(zip(values[::2], values[1::2], strict=True))

    def _array(self, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        count = int(np.prod(shape, dtype=object)) if shape else 1
        content = self._take(count * dtype.itemsize)
        if not len(content):
            return np.empty(shape, dtype)
        return np.frombuffer(content, dtype).reshape(shape)

    def _take(self, size: int) -> memoryview:
        start = self._position + -self._position % ALIGNMENT
        self._position = start + size
        return self._spool[start : start + size]
