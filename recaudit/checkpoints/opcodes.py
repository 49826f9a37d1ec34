"""Pickle instructions as data: decoding one never runs anything.

Arguments are decoded against the bytes that remain, so a declared length cannot allocate.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any

from recaudit.checkpoints.refusals import Damaged, Unsafe, short

LONGEST_INTEGER_BYTES = 1 << 16
LONGEST_LINE_BYTES = 1 << 24


class OpcodeReader:
    """Reads instructions one after the other from ``position`` on."""

    def __init__(self, data: memoryview, position: int = 0) -> None:
        self.data = data
        self.position = position

    def read(self) -> tuple[str, Any]:
        """The next instruction's name and argument."""
        start = self.position
        if start >= len(self.data):
            raise Damaged(f"the pickle ends at byte {start} without a STOP instruction")
        known = INSTRUCTIONS.get(self.data[start])
        if known is None:
            raise Damaged(f"byte {start} (0x{self.data[start]:02x}) is no pickle instruction")
        name, argument = known
        self.position = start + 1
        return name, None if argument is None else argument(self)

    def take(self, count: int) -> memoryview:
        start, end = self.position, self.position + count
        if count < 0 or end > len(self.data):
            raise Damaged(
                f"the pickle declares {count} bytes at byte {start}, "
                f"but only {len(self.data) - start} are left"
            )
        self.position = end
        return self.data[start:end]

    def line(self) -> bytes:
        window = self.data[self.position : self.position + LONGEST_LINE_BYTES].tobytes()
        end = window.find(b"\n")
        if end < 0:
            raise Damaged(f"the line that starts at byte {self.position} does not end")
        self.position += end + 1
        return window[:end]


def walks_to_stop(data: memoryview) -> bool:
    """Whether ``data`` is instructions up to a STOP: tells old text pickles from other text."""
    reader, name = OpcodeReader(data), ""
    try:
        while name != "STOP":
            name, argument = reader.read()
            if name in ("GLOBAL", "INST") and not all(map(_is_dotted_name, argument)):
                return False
    except (Damaged, Unsafe):
        return False
    return True


def _is_dotted_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _packed(form: str) -> Callable[[OpcodeReader], Any]:
    layout = struct.Struct(form)

    def read(reader: OpcodeReader) -> Any:
        return layout.unpack(reader.take(layout.size))[0]

    return read


_uint1, _uint2, _int4, _uint4, _uint8 = map(_packed, ("<B", "<H", "<i", "<I", "<Q"))


def _sized(
    length: Callable[[OpcodeReader], int], decode: Callable[[bytes], Any]
) -> Callable[[OpcodeReader], Any]:
    def read(reader: OpcodeReader) -> Any:
        start = reader.position
        content = reader.take(length(reader)).tobytes()
        try:
            return decode(content)
        except UnicodeDecodeError as error:
            raise Damaged(f"the text at byte {start} is not valid UTF-8") from error

    return read


def _utf8(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _latin1(content: bytes) -> str:
    # Python 2 wrote text and raw array bytes alike; latin-1 keeps every byte recoverable.
    return content.decode("latin-1")


def _little_endian_integer(content: bytes) -> int:
    if len(content) > LONGEST_INTEGER_BYTES:
        raise Unsafe(f"an integer of {len(content)} bytes")
    return int.from_bytes(content, "little", signed=True)


def _decimal(reader: OpcodeReader) -> int | bool:
    start, text = reader.position, reader.line()
    if text in (b"00", b"01"):
        return text == b"01"
    try:
        return int(text.rstrip(b"L"))
    except ValueError as error:
        raise Damaged(f"{short(text[:40])} at byte {start} is no integer") from error


def _decimal_float(reader: OpcodeReader) -> float:
    start, text = reader.position, reader.line()
    try:
        return float(text)
    except ValueError as error:
        raise Damaged(f"{short(text[:40])} at byte {start} is no number") from error


def _quoted(reader: OpcodeReader) -> str:
    start, text = reader.position, reader.line().strip()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise Damaged(f"the text at byte {start} is not quoted")
    try:
        return codecs.decode(text[1:-1], "unicode_escape")
    except UnicodeDecodeError as error:
        raise Damaged(f"the text at byte {start} has a broken escape") from error


def _raw_unicode(reader: OpcodeReader) -> str:
    start, text = reader.position, reader.line()
    try:
        return text.decode("raw_unicode_escape")
    except UnicodeDecodeError as error:
        raise Damaged(f"the text at byte {start} has a broken escape") from error


def _decimal_index(reader: OpcodeReader) -> int:
    return int(_decimal(reader))


def _two_lines(reader: OpcodeReader) -> tuple[str, str]:
    return _latin1(reader.line()), _latin1(reader.line())


_Argument = Callable[[OpcodeReader], Any] | None

_BY_BYTE: dict[bytes, tuple[str, _Argument]] = {
    b"(": ("MARK", None),
    b".": ("STOP", None),
    b"0": ("POP", None),
    b"1": ("POP_MARK", None),
    b"2": ("DUP", None),
    b"F": ("PUSH", _decimal_float),
    b"I": ("PUSH", _decimal),
    b"J": ("PUSH", _int4),
    b"K": ("PUSH", _uint1),
    b"L": ("PUSH", _decimal),
    b"M": ("PUSH", _uint2),
    b"N": ("PUSH", None),
    b"P": ("PERSID", OpcodeReader.line),
    b"Q": ("BINPERSID", None),
    b"R": ("REDUCE", None),
    b"S": ("PUSH", _quoted),
    b"T": ("PUSH", _sized(_int4, _latin1)),
    b"U": ("PUSH", _sized(_uint1, _latin1)),
    b"V": ("PUSH", _raw_unicode),
    b"X": ("PUSH", _sized(_uint4, _utf8)),
    b"a": ("APPEND", None),
    b"b": ("BUILD", None),
    b"c": ("GLOBAL", _two_lines),
    b"d": ("DICT", None),
    b"}": ("EMPTY_DICT", None),
    b"e": ("APPENDS", None),
    b"g": ("GET", _decimal_index),
    b"h": ("GET", _uint1),
    b"i": ("INST", _two_lines),
    b"j": ("GET", _uint4),
    b"l": ("LIST", None),
    b"]": ("EMPTY_LIST", None),
    b"o": ("OBJ", None),
    b"p": ("PUT", _decimal_index),
    b"q": ("PUT", _uint1),
    b"r": ("PUT", _uint4),
    b"s": ("SETITEM", None),
    b"t": ("TUPLE", None),
    b")": ("EMPTY_TUPLE", None),
    b"u": ("SETITEMS", None),
    b"B": ("PUSH", _sized(_uint4, bytes)),
    b"C": ("PUSH", _sized(_uint1, bytes)),
    b"G": ("PUSH", _packed(">d")),
    b"\x80": ("PROTO", _uint1),
    b"\x81": ("NEWOBJ", None),
    b"\x82": ("EXT", _uint1),
    b"\x83": ("EXT", _uint2),
    b"\x84": ("EXT", _int4),
    b"\x85": ("TUPLE1", None),
    b"\x86": ("TUPLE2", None),
    b"\x87": ("TUPLE3", None),
    b"\x88": ("NEWTRUE", None),
    b"\x89": ("NEWFALSE", None),
    b"\x8a": ("PUSH", _sized(_uint1, _little_endian_integer)),
    b"\x8b": ("PUSH", _sized(_int4, _little_endian_integer)),
    b"\x8c": ("PUSH", _sized(_uint1, _utf8)),
    b"\x8d": ("PUSH", _sized(_uint8, _utf8)),
    b"\x8e": ("PUSH", _sized(_uint8, bytes)),
    b"\x8f": ("EMPTY_SET", None),
    b"\x90": ("ADDITEMS", None),
    b"\x91": ("FROZENSET", None),
    b"\x92": ("NEWOBJ_EX", None),
    b"\x93": ("STACK_GLOBAL", None),
    b"\x94": ("MEMOIZE", None),
    b"\x95": ("FRAME", _uint8),
    b"\x96": ("PUSH", _sized(_uint8, bytearray)),
    b"\x97": ("NEXT_BUFFER", None),
    b"\x98": ("READONLY_BUFFER", None),
}

INSTRUCTIONS = {opcode[0]: instruction for opcode, instruction in _BY_BYTE.items()}
"""First byte -> name and argument reader. Instructions that only push a value are all ``PUSH``."""
