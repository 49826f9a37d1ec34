"""TOML that people write: a mistake in it is told with its file, its line and the nearest thing that would do."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recaudit.errors import UsageError
from recaudit.text import printable


@dataclass(frozen=True)
class TomlFile:
    """A parsed file with its text, which knows the lines."""

    path: Path
    text: str
    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path, missing: str) -> TomlFile:
        """Args:
            missing: what to do where there is no such file.

        Raises:
            UsageError: no such file, or not TOML.
        """
        try:
            text = path.read_text("utf-8")
            return cls(path, text, tomllib.loads(text))
        except (FileNotFoundError, IsADirectoryError):
            raise UsageError(f"{printable(path)}: no such file", fix=missing) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"{printable(path)}: {printable(error)}", fix="correct the TOML") from None

    def line(self, key: str, table: str | None = None, index: int = 0) -> int:
        """Line of a key at the top, or in a table; of the header where the key stands on no line of its own.

        Args:
            index: which table, of an array of tables.
        """
        start, end = self._extent(table, index)
        pattern = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""")
        lines = self.text.splitlines()
        return next((n for n in range(start, end + 1) if pattern.match(lines[n - 1])), start)

    def header(self, table: str, index: int = 0) -> int:
        """Line of a table's header."""
        return self._extent(table, index)[0]

    def check_keys(
        self, given: Iterable[str], known: Iterable[str], table: str | None = None, index: int = 0
    ) -> None:
        """Raises:
        UsageError: a key nobody reads; names its line and the nearest key that is known.
        """
        known = sorted(known)
        for key in given:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1) or known[:1]
                raise self.wrong(
                    f"unknown key `{printable(key)}`", f"did you mean `{close[0]}`?", key, table, index
                )

    def wrong(
        self, message: str, fix: str, key: str | None = None, table: str | None = None, index: int = 0
    ) -> UsageError:
        """An error at a key, or at a table's header."""
        line = self.line(key, table, index) if key is not None else self.header(table or "", index)
        return UsageError(f"{printable(self.path)}, line {line}: {message}", fix=fix)

    def _extent(self, table: str | None, index: int) -> tuple[int, int]:
        """First and last line of a table, header included; all before the first header for the top."""
        lines = self.text.splitlines() or [""]
        headers = [(n, name) for n, line in enumerate(lines, start=1) if (name := _header(line)) is not None]
        if table is None:
            return 1, headers[0][0] - 1 if headers else len(lines)
        own = [n for n, name in headers if name == table]
        if index >= len(own):
            return self.line(table), self.line(table)
        inner = (table + ".",)
        following = [n for n, name in headers if n > own[index] and not name.startswith(inner)]
        return own[index], following[0] - 1 if following else len(lines)


def _header(line: str) -> str | None:
    found = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line)
    return found[1].replace('"', "").replace("'", "") if found else None
