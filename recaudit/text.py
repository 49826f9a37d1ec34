"""Text from files, made safe for a screen.

Titles, tensor names and paths come from files nobody vetted. Printed raw they could move the
cursor, recolour the terminal, reverse the reading order or hide characters. ``printable`` is the
one door from such text to any output meant for people; data formats (JSON, CSV) keep the original.
"""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len, set_cell_size

_HIDDEN_CATEGORIES = {
    "Cc",  # control: ESC, newline, NUL
    "Cf",  # format: bidirectional overrides, zero-width joiners
    "Cs",  # lone surrogates
    "Co",  # private use: terminals draw what their font likes
    "Cn",  # unassigned
    "Zl",  # line separator
    "Zp",  # paragraph separator
}


def printable(text: object, width: int | None = None) -> str:
    """``text`` with every character that could act on a terminal written as an escape.

    Args:
        text: anything; ``str()`` of it is shown.
        width: cut to this many terminal cells, ending in ``…`` (wide characters count two).
    """
    shown = "".join(
        _escaped(char) if unicodedata.category(char) in _HIDDEN_CATEGORIES else char
        for char in _bounded(str(text), width)
    )
    if width is None or cell_len(shown) <= width:
        return shown
    return set_cell_size(shown, width - 1).rstrip() + "…"


def _bounded(text: str, width: int | None) -> str:
    # Only the head of a 300 kB field can be seen; zero-width characters are escaped, so each
    # character takes at least one cell and ``width + 1`` of them decide whether to cut.
    return text if width is None else text[: width + 1]


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
