"""A text table before parsing: its hash, its encoding, and a clean UTF-8 copy where one is needed."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from recaudit.datasets.types import DataNote
from recaudit.errors import InputRefused
from recaudit.text import printable

_CHUNK = 4 << 20
_HEAD_BYTES = 64
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass
class TextFacts:
    """What one pass over the bytes of a file tells."""

    sha256: str = ""
    n_bytes: int = 0
    head: bytes = b""
    """The first few bytes."""
    n_lines: int = 0
    """0 for UTF-16, where bytes do not tell."""
    encoding: str = "utf-8"
    undecodable_line: int | None = None
    """First line that is not UTF-8."""
    nul_line: int | None = None
    nuls: int = 0
    mixed_newlines: bool = False


@dataclass
class _Pass:
    """Counters of a pass that is under way."""

    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")()
    )
    line_feeds: int = 0
    returns: int = 0
    pairs: int = 0
    last_byte: bytes = b""


def inspect(path: Path) -> TextFacts:
    """Read the file once, in bounded memory.

    Raises:
        InputRefused: the file cannot be read.
    """
    facts, state, digest = TextFacts(), _Pass(), hashlib.sha256()
    for chunk in _chunks(path):
        if not facts.n_bytes:
            facts.head = chunk[:_HEAD_BYTES]
            facts.encoding = "utf-16" if chunk.startswith(_UTF16_MARKS) else "utf-8"
        digest.update(chunk)
        facts.n_bytes += len(chunk)
        if facts.encoding != "utf-16":
            _look(chunk, facts, state)
    if facts.encoding == "utf-8":
        _decode(b"", facts, state, final=True)
    facts.sha256 = digest.hexdigest()
    is_cut_off = state.last_byte not in (b"", b"\n", b"\r")
    facts.n_lines = state.line_feeds + state.returns - state.pairs + is_cut_off
    lone_returns, lone_feeds = state.returns - state.pairs, state.line_feeds - state.pairs
    facts.mixed_newlines = sum(count > 0 for count in (lone_returns, lone_feeds, state.pairs)) > 1
    return facts


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except OSError as error:
        raise InputRefused(
            f"{printable(path.name, 120)}: cannot be read ({error.strerror})",
            fix="check that the file is whole and that you may read it",
        ) from error


def _look(chunk: bytes, facts: TextFacts, state: _Pass) -> None:
    if facts.encoding == "utf-8":
        _decode(chunk, facts, state)
    if b"\0" in chunk:
        facts.nuls += chunk.count(b"\0")
        facts.nul_line = facts.nul_line or state.line_feeds + chunk[: chunk.index(b"\0")].count(b"\n") + 1
    state.pairs += chunk.count(b"\r\n") + (state.last_byte == b"\r" and chunk.startswith(b"\n"))
    state.returns += chunk.count(b"\r")
    state.line_feeds += chunk.count(b"\n")
    state.last_byte = chunk[-1:]


def _decode(chunk: bytes, facts: TextFacts, state: _Pass, *, final: bool = False) -> None:
    try:
        state.decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        # Every byte string is valid Latin-1, and it is what old data sets are written in.
        facts.encoding = "latin-1"
        facts.undecodable_line = state.line_feeds + error.object[: error.start].count(b"\n") + 1


def clean_copy(path: Path, facts: TextFacts, target: Path) -> Path:
    """``path`` itself where a parser can read it as it is, else a UTF-8 copy with plain line ends."""
    if facts.encoding == "utf-8" and not facts.mixed_newlines:
        return path
    with (
        path.open(encoding=facts.encoding, errors="replace") as source,
        target.open("w", encoding="utf-8", newline="\n") as copy,
    ):
        while chunk := source.read(_CHUNK):
            copy.write(chunk)
    return target


def notes_on(facts: TextFacts, name: str, expected: str | None) -> list[DataNote]:
    """What people should know of how the bytes were read.

    Args:
        expected: encoding the layout is known to use; no word is lost on it.
    """
    notes = []
    if facts.encoding == "utf-16":
        notes.append(DataNote("warning", "the file is UTF-16; it was read as such", file=name))
    if facts.encoding == "latin-1" and expected != "latin-1":
        notes.append(
            DataNote(
                "warning",
                "not valid UTF-8; the file was read as Latin-1",
                file=name,
                line=facts.undecodable_line,
            )
        )
    if facts.nuls:
        message = "NUL bytes inside fields; kept as part of the text"
        notes.append(DataNote("warning", message, facts.nuls, name, facts.nul_line))
    return notes
