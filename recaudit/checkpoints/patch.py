"""Exchange one array inside a checkpoint and leave every other byte as it is.

Where the array lies is told by its own bytes, which must occur exactly once: this holds for every container that keeps numbers
as they are in memory (torch in both forms, npz, npy, safetensors, pickle, joblib), and needs no second description of any of them.
Checksums of a zip archive are brought up to date. Of a compressed npz the archive is packed anew, every other member as it was.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np

from recaudit.checkpoints.limits import DEFAULT_LIMITS
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.zipfiles import Member, Zip
from recaudit.errors import InputRefused

_ZIP = b"PK\x03\x04"
_CRC = struct.Struct("<L")
_FLAGS_AT, _SIZES_FOLLOW = 6, 0x8
_CRC_IN_HEADER, _CRC_IN_ENTRY = 14, 16
_DESCRIPTOR = b"PK\x07\x08"


class NotInPlace(InputRefused):
    """The array's bytes are not in the file, or in it more than once."""

    def __init__(self, message: str) -> None:
        super().__init__(message, fix="save the file as npz or safetensors, or with torch.save")


def with_array(data: bytes, before: np.ndarray, after: np.ndarray) -> bytes:
    """The file ``data`` with the array ``before``, as it was read, made ``after``.

    Args:
        after: of the same shape and type.

    Raises:
        NotInPlace: the numbers are written as text, stored as another type, or stored twice.
    """
    assert before.shape == after.shape
    assert before.dtype == after.dtype
    found = _found(data, before, after)
    if found is not None:
        return _in_place(data, *found)
    packed = _packed_anew(data, before, after) if data.startswith(_ZIP) else None
    if packed is None:
        raise NotInPlace("the numbers are not in the file as they are: written as text, or of another type")
    return packed


def _in_place(data: bytes, at: int, old: bytes, new: bytes) -> bytes:
    patched = bytearray(data)
    patched[at : at + len(old)] = new
    if data.startswith(_ZIP):
        _correct_checksum(patched, data, at)
    return bytes(patched)


def _packed_anew(data: bytes, before: np.ndarray, after: np.ndarray) -> bytes | None:
    """An archive whose compressed member holds the array; None where none does."""
    archive = Zip(memoryview(data), Reading(len(data), DEFAULT_LIMITS))
    contents = {name: bytes(archive.read(name)) for name in archive.members}
    holders = {name: found for name, content in contents.items() if (found := _found(content, before, after))}
    if len(holders) != 1:
        return None
    ((name, found),) = holders.items()
    contents[name] = _in_place(contents[name], *found)
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(file, "w") as target:
        for member in source.infolist():
            target.writestr(member, contents[member.filename])
    return file.getvalue()


def _found(data: bytes, before: np.ndarray, after: np.ndarray) -> tuple[int, bytes, bytes] | None:
    """Where the array is, its bytes and those it becomes; None where it is not."""
    for endian in ("<", ">"):
        for order in ("C", "F"):
            old, new = (
                array.astype(array.dtype.newbyteorder(endian)).tobytes(order) for array in (before, after)
            )
            at = data.find(old)
            if at < 0:
                continue
            if data.find(old, at + 1) >= 0:
                raise NotInPlace("the same numbers are stored twice in the file")
            return at, old, new
    return None


def _correct_checksum(patched: bytearray, data: bytes, at: int) -> None:
    archive = Zip(memoryview(data), Reading(len(data), DEFAULT_LIMITS))
    member, start = next(
        (member, start)
        for member, start in ((one, archive.start(name)) for name, one in archive.members.items())
        if start <= at < start + member.packed_bytes
    )
    crc = _CRC.pack(zlib.crc32(memoryview(patched)[start : start + member.packed_bytes]))
    places = [member.entry + _CRC_IN_ENTRY]
    (flags,) = struct.unpack_from("<H", data, member.header + _FLAGS_AT)
    if flags & _SIZES_FOLLOW:
        places.append(_crc_after(data, start + member.packed_bytes, member))
    header = member.header + _CRC_IN_HEADER
    if bytes(data[header : header + 4]) == _CRC.pack(member.crc):
        places.append(header)
    for place in places:
        patched[place : place + 4] = crc


def _crc_after(data: bytes, end: int, member: Member) -> int:
    """Where the record after a member keeps its checksum; its signature is optional."""
    place = end + (4 if data[end : end + 4] == _DESCRIPTOR else 0)
    if data[place : place + 4] != _CRC.pack(member.crc):
        raise NotInPlace("the archive keeps its checksums where no reader looks for them")
    return place
