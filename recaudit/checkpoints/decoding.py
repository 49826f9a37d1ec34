"""Bytes of a text file as text, saying so when they are not UTF-8."""

from __future__ import annotations

import codecs

from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged

SHOWN_LINES = 5
_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def decode_text(data: memoryview, reading: Reading) -> str:
    """UTF-8 (with or without a byte order mark), UTF-16 with one, else Latin-1 with a warning."""
    if len(data) > reading.limits.text_bytes:
        raise Damaged(f"a text file of {len(data):,} bytes is too large", fix="Save it as Parquet.")
    content = bytes(data)
    if encoding := _UTF16.get(content[:2]):
        reading.warn("encoding", f"the text is {encoding.upper()}, not UTF-8")
        try:
            return content[2:].decode(encoding)
        except UnicodeDecodeError as error:
            raise Damaged(f"the {encoding.upper()} text is cut off or damaged") from error
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError:
        lines = _undecodable_lines(content)
        shown = ", ".join(map(str, lines[:SHOWN_LINES])) + (" …" if len(lines) > SHOWN_LINES else "")
        reading.warn("encoding", f"lines {shown} are not valid UTF-8; the file was read as Latin-1", shown)
        return content.decode("latin-1")


def _undecodable_lines(content: bytes) -> list[int]:
    found = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            found.append(number)
    return found
