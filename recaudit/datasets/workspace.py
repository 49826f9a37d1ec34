"""A scratch database that reads files.

DuckDB is given only paths and identifiers made here: names from files and archives stay values.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np

from recaudit.datasets.tables import Column, Loaded, Part, Rejects, Table, TableSpec
from recaudit.datasets.textfile import TextFacts, clean_copy, inspect, notes_on
from recaudit.datasets.types import DataNote, SourceFile
from recaudit.errors import EnvironmentProblem, InputRefused
from recaudit.text import printable

_DELIMITERS = ("\t", "::", ",", ";", "|")
_MEMORY_LIMIT = "1GB"
_MAX_THREADS = 8
"""Each takes buffers of its own out of the memory limit."""
_MAX_LINE_BYTES = 4 << 20
_MAX_REJECTS = 100_000
"""A file with more bad rows is not what it was taken for; DuckDB keeps each in memory."""
_MAX_HEADER_BYTES = 1 << 20
_MAX_COLUMNS = 10_000
_PARQUET_MAGIC = b"PAR1"


class Workspace:
    """A scratch folder with a DuckDB database in it, for the time of one reading."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._n_files = 0
        # On disk, so that 25 million ratings are compressed and need not fit in memory.
        self.db = duckdb.connect(
            str(scratch / "staging.duckdb"),
            config={
                "memory_limit": _MEMORY_LIMIT,
                "threads": str(min(_MAX_THREADS, os.cpu_count() or 1)),
                "temp_directory": str(scratch / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )

    def close(self) -> None:
        """Let go of the scratch folder."""
        self.db.close()

    def open(self, path: Path, spec: TableSpec) -> Table:
        """Make ``path`` scannable.

        Raises:
            InputRefused: the file is empty or not a table.
        """
        shown = printable(spec.file, 120)
        facts = inspect(path)
        if not facts.n_bytes:
            raise InputRefused(f"{shown}: the file is empty", fix="give the file with its rows")
        safe = self._safe_path(path)
        source = SourceFile(spec.file, facts.sha256, facts.n_bytes)
        if facts.head.startswith(_PARQUET_MAGIC) or path.suffix.lower() in (".parquet", ".pq"):
            return self._open_parquet(safe, source, shown)
        return self._open_text(safe, spec, source, facts, shown)

    def _safe_path(self, path: Path) -> Path:
        """A name without quotes, wildcards or schemes, which DuckDB would act on."""
        self._n_files += 1
        link = self._scratch / f"table-{self._n_files}"
        link.symlink_to(path.resolve())
        return link

    def _open_parquet(self, path: Path, source: SourceFile, shown: str) -> Table:
        reader = f"read_parquet({_literal(path)}"
        try:
            described = self.db.execute(f"DESCRIBE SELECT * FROM {reader})").fetchall()
        except duckdb.Error as error:
            raise refusal(error, shown) from error
        columns = tuple(Column(row[0], _identifier(row[0]), row[1]) for row in described)
        return Table(source.name, columns, reader, source, (), header_lines=None)

    def _open_text(
        self, path: Path, spec: TableSpec, source: SourceFile, facts: TextFacts, shown: str
    ) -> Table:
        clean = clean_copy(path, facts, path.with_name(path.name + "-clean"))
        header = "" if spec.names else _first_line(clean)
        delimiter = spec.delimiter or _delimiter_of(header)
        names = list(spec.names) or _fields(header, delimiter, shown)
        if len(names) > _MAX_COLUMNS:
            raise InputRefused(
                f"{shown}: the first line has {len(names):,} fields", fix="give a table with a header line"
            )
        columns = tuple(Column(name, f'"c{i}"', "VARCHAR") for i, name in enumerate(names))
        return Table(
            source.name,
            columns,
            _text_reader(clean, columns, delimiter, has_header=not spec.names),
            source,
            tuple(notes_on(facts, spec.file, spec.encoding)),
            header_lines=0 if spec.names else 1,
            n_lines=facts.n_lines or inspect(clean).n_lines,
            delimiter=delimiter,
            quoted=spec.quoted,
        )

    def load(self, table: Table, into: str, select: Mapping[str, str], loaded: Loaded) -> None:
        """Append expressions over the columns of ``table`` to the staged table ``into``.

        Rows that do not fit the header are dropped and noted with their first line.
        """
        chosen = ", ".join(f"{expression} AS {name}" for name, expression in select.items())
        first_row = self._count(into)
        insert = f"INSERT INTO {into} BY NAME SELECT {chosen} FROM "
        rejects = Rejects(np.empty(0, np.int64))
        try:
            self.db.execute(insert + table.scan())
        except duckdb.Error as error:
            if _CSV_ERROR.match(str(error)) is None:
                raise refusal(error, printable(table.name, 120)) from error
            rejects, literal = self._why_not(table, chosen, error, loaded)
            self.db.execute(insert + table.scan(literal=literal, options=", ignore_errors = true"))
        n_rows = self._count(into) - first_row
        is_by_line = table.n_lines == (table.header_lines or 0) + n_rows + len(rejects.lines)
        header_lines = table.header_lines if is_by_line else None
        loaded.parts.append(Part(table.name, first_row, header_lines, rejects.lines))
        loaded.notes.extend(table.notes)
        for reason, count, line in rejects.reasons:
            loaded.notes.append(DataNote("dropped", f"rows dropped: {reason}", count, table.name, line))
        if not n_rows:
            message = "the file has no usable row" if rejects.reasons else "the file has a header and no rows"
            loaded.notes.append(DataNote("warning", message, file=table.name))

    def _why_not(
        self, table: Table, chosen: str, error: duckdb.Error, loaded: Loaded
    ) -> tuple[Rejects, bool]:
        """The rows that do not fit, and whether quotes must be taken for plain text."""
        rejects = self._rejects(table, chosen, error)
        if not table.quoted or rejects.runaway_line is None:
            return rejects, False
        message = "a quote is opened and never closed; quotes were read as plain text in this file"
        loaded.notes.append(DataNote("warning", message, file=table.name, line=rejects.runaway_line))
        return self._rejects(table, chosen, error, literal=True), True

    def _rejects(self, table: Table, chosen: str, error: duckdb.Error, *, literal: bool = False) -> Rejects:
        # DuckDB keeps every row that it records as bad in memory, so first see that they are few.
        dry_run = f"SELECT count(hash(COLUMNS(*))) FROM (SELECT {chosen} FROM "
        dropping = table.scan(literal=literal, options=", ignore_errors = true")
        n_rows = self._first_number(f"{dry_run}{dropping})")
        if table.n_lines - n_rows > _MAX_REJECTS:
            raise refusal(error, printable(table.name, 120)) from error
        recording = table.scan(literal=literal, options=", store_rejects = true, rejects_limit = 0")
        self._first_number(f"{dry_run}{recording})")
        # A row can have several errors, one of which is enough.
        self.db.execute(
            "CREATE TEMP TABLE rejected AS SELECT CAST(line AS BIGINT) AS line, min(CAST(error_type AS VARCHAR)) "
            "AS reason, bool_or(contains(trim(csv_line, chr(10)), chr(10))) AS is_long FROM reject_errors GROUP BY line"
        )
        lines = self.db.execute("SELECT line FROM rejected ORDER BY line").fetchnumpy()["line"]
        reasons = self.db.execute(
            "SELECT reason, count(*), min(line) FROM rejected GROUP BY reason ORDER BY reason"
        ).fetchall()
        runaway = self.db.execute(
            "SELECT min(line) FROM rejected WHERE is_long AND reason = 'UNQUOTED VALUE'"
        ).fetchone()
        for name in ("reject_errors", "reject_scans", "rejected"):
            self.db.execute(f"DROP TABLE {name}")
        return Rejects(
            np.asarray(lines),
            tuple((_REASONS.get(reason, reason.lower()), count, line) for reason, count, line in reasons),
            None if runaway is None else runaway[0],
        )

    def _count(self, name: str) -> int:
        return self._first_number(f"SELECT count(*) FROM {name}")

    def _first_number(self, query: str) -> int:
        # Fetched to the end: DuckDB writes down what a scan rejected only once it is over.
        return int(self.db.execute(query).fetchall()[0][0])


_REASONS = {
    "TOO MANY COLUMNS": "more fields than the header",
    "MISSING COLUMNS": "fewer fields than the header",
    "UNQUOTED VALUE": "a quote in the wrong place",
    "LINE SIZE OVER MAXIMUM": f"longer than {_MAX_LINE_BYTES >> 20} MiB",
}


_CSV_ERROR = re.compile(
    r"Invalid Input Error: CSV Error on Line: (?P<line>\d+)\n(Original Line:.*?\n)?(?P<reason>[^\n]*)\nPossible fixes",
    re.DOTALL,
)
_MISTAKES = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)


@contextmanager
def disk_trouble(shown: str) -> Iterator[None]:
    """Tell a full disk or memory from a bug."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise refusal(error, shown) from error


def refusal(error: duckdb.Error, shown: str) -> EnvironmentProblem | InputRefused:
    """What DuckDB's ``error`` over the file ``shown`` means to the user. Mistakes in our SQL stay bugs."""
    if isinstance(error, _MISTAKES):
        raise error
    text = str(error)
    csv_error = _CSV_ERROR.match(text)
    if csv_error is not None:
        return InputRefused(
            f"{shown}: line {csv_error['line']} does not fit the header ({printable(csv_error['reason'], 120)})",
            fix="check that all rows have the fields of the header and that quotes are closed",
        )
    # The path is one of ours and tells the user nothing.
    reason = printable(re.sub(r" (in|at end of) file '[^']*'", "", text.splitlines()[0]), 160)
    if isinstance(error, duckdb.OutOfMemoryException):
        return EnvironmentProblem(f"{shown}: {reason}", fix="free some disk space for temporary files")
    return InputRefused(
        f"{shown}: not readable as a table ({reason})", fix="write or download the file again"
    )


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        return file.readline(_MAX_HEADER_BYTES).rstrip("\r\n")


def _delimiter_of(header: str) -> str:
    return max(_DELIMITERS, key=lambda mark: header.count(mark) * len(mark))


def _fields(header: str, delimiter: str, shown: str) -> list[str]:
    if len(delimiter) > 1:
        return header.split(delimiter)
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error as error:
        raise InputRefused(
            f"{shown}: the header line cannot be read ({printable(error, 80)})",
            fix="give a table whose first line names its columns",
        ) from error


def _text_reader(path: Path, columns: Sequence[Column], delimiter: str, *, has_header: bool) -> str:
    types = ", ".join(f"{_literal(column.sql.strip(chr(34)))}: 'VARCHAR'" for column in columns)
    return (
        f"read_csv({_literal(path)}, columns = {{{types}}}, auto_detect = false, header = {has_header}, "
        f"delim = {_literal(delimiter)}, max_line_size = {_MAX_LINE_BYTES}"
    )


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
