"""Tables on disk as the layouts describe them, and where their rows went."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recaudit.datasets.types import DataNote, SourceFile


@dataclass(frozen=True)
class TableSpec:
    """A file of a layout and how it is written.

    Attributes:
        file: its name in the ``DataFolder``.
        names: column names, where the file has no header line.
        delimiter: between fields; None takes it from the header line.
        quoted: whether ``"`` may enclose a field.
        encoding: what the layout is known to be written in.
        list_separator: between the entries of a text field that lists several.
        flags: columns of 0 and 1, each named after a genre.
        split: where all rows belong, by name.
    """

    file: str
    names: tuple[str, ...] = ()
    delimiter: str | None = None
    quoted: bool = True
    encoding: str | None = None
    list_separator: str = "|"
    flags: tuple[str, ...] = ()
    split: str | None = None


@dataclass(frozen=True)
class Column:
    """A column of a scan: its name for people, and what SQL calls it."""

    name: str
    sql: str
    type: str


@dataclass(frozen=True)
class Table:
    """A file that can be scanned."""

    name: str
    columns: tuple[Column, ...]
    reader: str
    """DuckDB's function and its arguments, open for more."""
    source: SourceFile
    notes: tuple[DataNote, ...]
    header_lines: int | None
    """None: not a text file, rows have no line."""
    n_lines: int = 0
    delimiter: str = ""
    quoted: bool = False

    @property
    def names(self) -> list[str]:
        """Column names as in the file."""
        return [column.name for column in self.columns]

    def scan(self, *, literal: bool = False, options: str = "") -> str:
        """The table in SQL.

        Args:
            literal: take quotes for plain text.
        """
        if self.header_lines is None:
            return f"{self.reader})"
        quote = '"' if self.quoted and not literal else ""
        return f"{self.reader}, quote = '{quote}', escape = '{quote}'{options})"


@dataclass
class Loaded:
    """Where the rows of a staged table came from."""

    notes: list[DataNote] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def note(self, level: str, message: str, count: int, row: int | None) -> None:
        """Add a note on ``count`` rows of which ``row`` is the first."""
        file, line = ("", None) if row is None else self.locate(row)
        self.notes.append(DataNote(level, message, count, file, line))

    def locate(self, row: int) -> tuple[str, int | None]:
        """File and line of a staged row; no line where it is not certain."""
        part = max((p for p in self.parts if p.first_row <= row), key=lambda p: p.first_row)
        if part.header_lines is None:
            return part.name, None
        data_line = row - part.first_row
        rows_before = part.rejected_lines - part.header_lines - 1 - np.arange(len(part.rejected_lines))
        rejected_before = int(np.searchsorted(rows_before, data_line, side="right"))
        return part.name, part.header_lines + 1 + data_line + rejected_before


@dataclass(frozen=True)
class Part:
    """The rows of one file among the staged ones."""

    name: str
    first_row: int
    header_lines: int | None
    """None where rows and lines do not go together: parquet, blank lines, fields of several lines."""
    rejected_lines: NDArray[np.int64]


@dataclass(frozen=True)
class Rejects:
    """Rows that did not fit, of one scan."""

    lines: NDArray[np.int64]
    """Rising."""
    reasons: tuple[tuple[str, int, int], ...] = ()
    """What is wrong, how often, and on which line first."""
    runaway_line: int | None = None
    """Where a quote was opened that swallowed the lines after it."""
