"""A strict zip reader over bytes in memory.

Readers disagree on malformed archives: which of two equal names counts, whether the central
directory or the local header is right, what lies before the first member. Every such archive is
refused. Member names are only ever dictionary keys; nothing is unpacked to disk.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, Unsafe, short

STORED, DEFLATED = 0, 8

_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LONGEST_COMMENT = 0xFFFF
_SEE_ZIP64 = 0xFFFFFFFF
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800
_ZIP64_EXTRA = 1


@dataclass(frozen=True)
class Member:
    name: str
    method: int
    crc: int
    packed_bytes: int
    bytes: int
    header: int
    """Offset of the local header."""
    entry: int
    """Offset of its entry in the directory."""


class Zip:
    """The members of an archive, checked against each other before any is read."""

    def __init__(self, data: memoryview, reading: Reading) -> None:
        self._data = data
        self._inflated = 0
        self._inflated_limit = reading.limits.inflated_for(len(data))
        self.members: dict[str, Member] = {}
        for member in _entries(data, reading.limits.zip_members):
            if member.name in self.members:
                raise Unsafe(f"the zip has two members named {short(member.name)}")
            self.members[member.name] = member
        self._starts = {member.name: _content_start(data, member) for member in self.members.values()}
        self._refuse_overlaps()

    def start(self, name: str) -> int:
        """Where the member's bytes begin, packed or not."""
        return self._starts[name]

    def read(self, name: str) -> memoryview:
        """The member's bytes; a view of the file itself when they are stored uncompressed."""
        member = self.members[name]
        start = self._starts[name]
        packed = self._data[start : start + member.packed_bytes]
        content = packed if member.method == STORED else self._inflate(member, packed)
        if zlib.crc32(content) != member.crc:
            raise Damaged(f"the archive member {short(name)} is damaged: its checksum is wrong")
        return content

    def _inflate(self, member: Member, packed: memoryview) -> memoryview:
        self._inflated += member.bytes
        if self._inflated > self._inflated_limit:
            raise Unsafe(
                f"the archive of {len(self._data):,} bytes unpacks to more than "
                f"{self._inflated_limit:,} bytes at {short(member.name)}"
            )
        unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = unpack.decompress(packed, member.bytes + 1)
        except zlib.error as error:
            raise Damaged(f"the archive member {short(member.name)} cannot be unpacked") from error
        if len(content) != member.bytes or not unpack.eof:
            raise Damaged(f"the archive member {short(member.name)} has not the declared size")
        return memoryview(content)

    def _refuse_overlaps(self) -> None:
        taken = 0
        for member in sorted(self.members.values(), key=lambda member: member.header):
            if member.header < taken:
                raise Unsafe(f"the archive member {short(member.name)} overlaps another one")
            taken = self._starts[member.name] + member.packed_bytes


def _entries(data: memoryview, most: int) -> Iterator[Member]:
    count, size, position = _directory(data)
    if count > most:
        raise Unsafe(f"the zip has {count:,} members; a checkpoint has fewer than {most:,}")
    end = position + size
    if end > len(data):
        raise Damaged("the zip's directory runs past the end of the file")
    for _ in range(count):
        if position + _ENTRY.size > end:
            raise Damaged("the zip's directory is shorter than its member count says")
        member, position = _entry(data, position)
        if member.header + _LOCAL.size + member.packed_bytes > len(data):
            raise Damaged(f"the archive member {short(member.name)} runs past the end of the file")
        yield member
    if position != end:
        raise Damaged("the zip's directory is longer than its member count says")


def _directory(data: memoryview) -> tuple[int, int, int]:
    tail_start = max(0, len(data) - _END.size - _LONGEST_COMMENT)
    found = data[tail_start:].tobytes().rfind(_END_MAGIC)
    at = tail_start + found
    if found < 0 or at + _END.size > len(data):
        raise Damaged("the zip has no directory at its end: the file is cut off")
    _, disk, _, _, count, size, offset, comment = _END.unpack_from(data, at)
    if disk or at + _END.size + comment != len(data):
        raise Damaged("the zip's end record is damaged, or bytes follow it")
    if count == 0xFFFF or size == _SEE_ZIP64 or offset == _SEE_ZIP64:
        return _directory64(data, at)
    return count, size, offset


def _directory64(data: memoryview, end_record: int) -> tuple[int, int, int]:
    at = end_record - _END64_LOCATOR.size
    if at < 0 or bytes(data[at : at + 4]) != b"PK\x06\x07":
        raise Damaged("the zip's 64-bit end record is missing")
    record = int(_END64_LOCATOR.unpack_from(data, at)[2])
    if record + _END64.size > at or bytes(data[record : record + 4]) != b"PK\x06\x06":
        raise Damaged("the zip's 64-bit end record is damaged")
    fields = _END64.unpack_from(data, record)
    return fields[7], fields[8], fields[9]


def _entry(data: memoryview, position: int) -> tuple[Member, int]:
    fields = _ENTRY.unpack_from(data, position)
    magic, _, _, flags, method, _, _, crc, packed, size, name_size, extra_size, comment_size = fields[:13]
    if magic != b"PK\x01\x02":
        raise Damaged("the zip's directory is damaged")
    name_start = position + _ENTRY.size
    extra_start = name_start + name_size
    following = extra_start + extra_size + comment_size
    if following > len(data):
        raise Damaged("the zip's directory runs past the end of the file")
    name = _name(data[name_start:extra_start], flags)
    if flags & _ENCRYPTED:
        raise Damaged(
            f"the archive member {short(name)} is encrypted", fix="Save the file without a password."
        )
    if method not in (STORED, DEFLATED):
        raise Damaged(f"the archive member {short(name)} uses compression method {method}")
    size, packed, header = _wide_fields(
        data[extra_start : extra_start + extra_size], size, packed, fields[16]
    )
    if method == STORED and size != packed:
        raise Damaged(f"the archive member {short(name)} has two sizes")
    return Member(name, method, crc, packed, size, header, position), following


def _wide_fields(extra: memoryview, *fields: int) -> tuple[int, ...]:
    """Replaces the fields that point to the zip64 block by its values, in their order."""
    if _SEE_ZIP64 not in fields:
        return fields
    wide = _extra_block(extra, _ZIP64_EXTRA)
    values = iter(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
    try:
        return tuple(next(values) if field == _SEE_ZIP64 else field for field in fields)
    except (StopIteration, RuntimeError) as error:
        raise Damaged("the zip's 64-bit sizes are missing") from error


def _extra_block(extra: memoryview, wanted: int) -> bytes:
    position = 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, position)
        if kind == wanted:
            return bytes(extra[position + 4 : position + 4 + size])
        position += 4 + size
    return b""


def _content_start(data: memoryview, member: Member) -> int:
    """Where the member's bytes begin, once its local header agrees with the directory."""
    magic, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL.unpack_from(
        data, member.header
    )
    start = member.header + _LOCAL.size + name_size + extra_size
    if magic != b"PK\x03\x04" or start + member.packed_bytes > len(data):
        raise Damaged(f"the archive member {short(member.name)} is not where the directory says")
    name_start = member.header + _LOCAL.size
    name = _name(data[name_start : name_start + name_size], flags)
    sizes_agree = flags & _SIZES_FOLLOW or (
        size in (member.bytes, _SEE_ZIP64)
        and packed in (member.packed_bytes, _SEE_ZIP64)
        and crc == member.crc
    )
    if name != member.name or method != member.method or flags & _ENCRYPTED or not sizes_agree:
        raise Unsafe(f"the archive member {short(member.name)} and its own header {short(name)} disagree")
    return int(start)


def _name(raw: memoryview, flags: int) -> str:
    try:
        return bytes(raw).decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise Damaged("an archive member's name is not valid UTF-8") from error
