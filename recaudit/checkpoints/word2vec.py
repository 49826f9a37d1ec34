"""The word2vec C format, text and binary: one name and one vector per line."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, short

_HEADER = re.compile(rb"(\d{1,12}) (\d{1,7})\n")
LONGEST_WORD = 10_000


def is_word2vec(data: memoryview) -> bool:
    return _HEADER.match(bytes(data[:24])) is not None


def read_word2vec(data: memoryview, reading: Reading) -> dict[str, Any]:
    reading.format = "word2vec"
    header = _HEADER.match(bytes(data[:24]))
    assert header is not None
    rows, width = int(header[1]), int(header[2])
    body = data[header.end() :]
    if rows * (width * 2 + 2) > len(body) + 1:
        raise Damaged(
            f"the first line declares {rows:,} vectors of width {width:,}, "
            f"but only {len(body):,} bytes follow"
        )
    parse = _text if _is_text(body, width) else _binary
    words, vectors = parse(body, rows, width)
    return {"words": words, "vectors": vectors}


def _is_text(body: memoryview, width: int) -> bool:
    line = bytes(body[: LONGEST_WORD + width * 32]).partition(b"\n")[0]
    return len(line.split(b" ")) in (width + 1, width + 2) and line.isascii()


def _text(body: memoryview, rows: int, width: int) -> tuple[list[str], npt.NDArray[np.float32]]:
    lines = bytes(body).split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    if len(lines) != rows:
        raise Damaged(f"the first line declares {rows:,} vectors, but {len(lines):,} lines follow")
    words: list[str] = []
    vectors = np.empty((rows, width), np.float32)
    for row, line in enumerate(lines):
        word, *numbers = line.rstrip(b" \r").split(b" ")
        if len(numbers) != width:
            raise Damaged(f"line {row + 2} has {len(numbers)} numbers instead of {width}")
        try:
            vectors[row] = [float(number) for number in numbers]
        except ValueError as error:
            raise Damaged(f"line {row + 2} has something that is no number") from error
        words.append(_word(word, row))
    return words, vectors


def _binary(body: memoryview, rows: int, width: int) -> tuple[list[str], npt.NDArray[np.float32]]:
    words: list[str] = []
    vectors = np.empty((rows, width), np.float32)
    position, size = 0, 4 * width
    for row in range(rows):
        head = bytes(body[position : position + LONGEST_WORD])
        end = head.find(b" ")
        start = position + end + 1
        if end < 0 or start + size > len(body):
            raise Damaged(f"vector {row} of {rows} is missing: the file is cut off")
        words.append(_word(head[:end].lstrip(b"\n"), row))
        vectors[row] = np.frombuffer(body[start : start + size], "<f4")
        position = start + size
    if bytes(body[position : position + 2]).strip():
        raise Damaged(f"{len(body) - position} bytes follow the last vector")
    return words, vectors


def _word(raw: bytes, row: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(f"the name {short(raw)} of vector {row} is not UTF-8") from error
