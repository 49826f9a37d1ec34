"""A baseline as a file small enough for git: numbers, concepts, and values by user so that pairing still works.

JSON with sorted keys; the same model gives the same bytes, but for who blessed it and when. Columns by user are
multiples of ``by_user.GRID`` as 32-bit whole numbers, least significant bytes first, all first bytes together, then all
second ones, …; zlib; base64. At most ``MOST_USERS`` users are kept, those of the smallest hashes: two files thus keep
the same ones. Users are named by half an MD5 of their raw id, which hides no id from who can guess it.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit import __version__
from recaudit.analyses.diff.by_user import GRID, UserValues
from recaudit.analyses.diff.summary import Concept, Number, Summary
from recaudit.errors import InputRefused, UsageError
from recaudit.text import printable

FORMAT = "recaudit baseline"
FORMAT_VERSION = 1
MOST_USERS = 20_000
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Blessing:
    """Who says that a model may be compared with."""

    name: str
    author: str
    reason: str
    blessed: datetime


def write(summary: Summary, blessing: Blessing) -> str:
    """The document of a model."""
    users = summary.users.taken(np.arange(min(len(summary.users), MOST_USERS)))
    body = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "tool_version": __version__,
        "name": blessing.name,
        "author": blessing.author,
        "reason": blessing.reason,
        "blessed": blessing.blessed.isoformat(timespec="seconds"),
        "model": {
            "name": summary.name,
            "sha256": summary.sha256,
            "protocol": summary.protocol,
            "dictionary": summary.dictionary,
            "held_out": summary.held_out,
        },
        "numbers": [asdict(number) for number in summary.numbers if not _of_one_latent(number)],
        "concepts": [asdict(concept) for concept in summary.concepts],
        "interventions": dict(summary.interventions),
        "users": {
            "known": len(summary.users),
            "kept": len(users),
            "hashes": _packed(users.hashes),
            "columns": {
                name: _packed(np.rint(column / GRID).astype(np.uint32))
                for name, column in users.columns.items()
            },
        },
    }
    return json.dumps(body, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def read(text: str, where: str) -> tuple[Summary, Blessing]:
    """A document, as ``write`` made it.

    Raises:
        InputRefused: it is none, of a newer version, or damaged.
    """
    try:
        body = json.loads(text)
        if not isinstance(body, dict) or body.get("format") != FORMAT:
            raise ValueError("it is no baseline")
        if body["format_version"] > FORMAT_VERSION:
            raise ValueError(f"it was written by a newer recaudit ({body['tool_version']})")
        model, users = body["model"], body["users"]
        kept = int(users["kept"])
        hashes = _unpacked(users["hashes"], kept, np.dtype("<u8")).astype(np.uint64)
        columns = {
            str(name): _unpacked(column, kept, np.dtype("<u4")).astype(np.float64) * GRID
            for name, column in users["columns"].items()
        }
        summary = Summary(
            str(model["name"]),
            str(model["sha256"]),
            str(model["protocol"]),
            model["dictionary"],
            str(model["held_out"]),
            tuple(Number(**number) for number in body["numbers"]),
            tuple(Concept(**concept) for concept in body["concepts"]),
            dict(body["interventions"]),
            UserValues(hashes, columns),
        )
        blessed = datetime.fromisoformat(body["blessed"])
        return summary, Blessing(str(body["name"]), str(body["author"]), str(body["reason"]), blessed)
    except (ValueError, KeyError, TypeError, zlib.error, RecursionError) as error:
        said = f"lacks {error}" if isinstance(error, KeyError) else printable(error, 120)
        raise InputRefused(
            f"{printable(where)}: not a baseline file that can be read ({said})",
            fix="write it anew with `recaudit bless MODEL --as NAME -o FILE.json`",
        ) from None


def read_file(path: Path) -> tuple[Summary, Blessing]:
    """Raises as ``read``, and
    UsageError: no such file.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"{printable(path)}: no such baseline file",
            fix="write one with `recaudit bless MODEL --as NAME -o FILE.json`",
        ) from None
    except UnicodeDecodeError:
        text = ""
    return read(text, str(path))


def _of_one_latent(number: Number) -> bool:
    """Latents of two dictionaries have nothing to do with each other: their numbers would only fill the file."""
    return "latent" in number.slice


def _packed(values: NDArray[np.unsignedinteger[Any]]) -> str:
    little = values.astype(values.dtype.newbyteorder("<"))
    planes = little.view(np.uint8).reshape(len(little), little.dtype.itemsize).T
    return base64.b64encode(zlib.compress(np.ascontiguousarray(planes).tobytes(), 9)).decode("ascii")


def _unpacked(text: str, count: int, kind: np.dtype[Any]) -> NDArray[Any]:
    size = count * kind.itemsize
    if not 0 <= size <= _MOST_BYTES:
        raise ValueError("more users than a baseline keeps")
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(base64.b64decode(text, validate=True), size + 1)
    if len(raw) != size:
        raise ValueError("a column by user is cut or too long")
    planes = np.frombuffer(raw, np.uint8).reshape(kind.itemsize, count)
    return np.ascontiguousarray(planes.T).reshape(-1).view(kind)
