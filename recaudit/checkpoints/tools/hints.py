"""Facts a user adds where a file does not hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from recaudit.errors import InputRefused
from recaudit.text import printable


@dataclass(frozen=True)
class Hints:
    """Each field is a flag of ``recaudit ingest``; a value given there beats what the file says."""

    tool: str | None = None
    """Module name of the tool whose file this is, where the content alone is taken for another's."""
    heads: int | None = None
    history_length: int | None = None
    k: int | None = None
    item_features: Path | None = None
    """LightFM's csr matrix items × features (``scipy.sparse.save_npz``)."""
    user_features: Path | None = None
    """The same for users."""
    other_table: Path | None = None
    """The other side's embeddings, where users and items lie in two files."""
    layers: int | None = None


def name_settings(path: Path) -> dict[str, str]:
    """``key=value`` parts of a file name, as ReChorus writes them between double underscores."""
    parts = path.name.removesuffix(path.suffix).split("__")
    return dict(part.split("=", 1) for part in parts if re.match(r"^\w+=", part))


def integer_from_name(path: Path, key: str, flag: str, given: int | None) -> int:
    """A positive integer from the flag, else from the file name.

    Raises:
        InputRefused: neither has it.
    """
    if given is not None:
        return given
    text = name_settings(path).get(key, "")
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise InputRefused(
        f"{printable(path.name)}: `{key}` is neither in the tensors nor in the file name, and it is "
        "never guessed",
        fix=f"give it with {flag} N, or restore the name the tool gave the file",
    )
