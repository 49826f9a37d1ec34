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
        scan = f"read_parquet({_literal(path)})"
        try:
            described = self.db.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        except duckdb.Error as error:
            raise refusal(error, shown) from error
        columns = tuple(Column(row[0], _identifier(row[0]), row[1]) for row in described)
        return Table(source.name, columns, scan, source, (), header_lines=None)

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
        scans = [
            _text_scan(clean, columns, delimiter, quote, has_header=not spec.names) for quote in ('"', "")
        ]
        return Table(
            source.name,
            columns,
            scans[0] if spec.quoted else scans[1],
            source,
            tuple(notes_on(facts, spec.file, spec.encoding)),
            header_lines=0 if spec.names else 1,
            n_lines=facts.n_lines,
            delimiter=delimiter,
            literal_scan=scans[1] if spec.quoted else "",
        )

    def load(self, table: Table, into: str, select: Mapping[str, str], loaded: Loaded) -> None:
        """Append expressions over the columns of ``table`` to the staged table ``into``.

        Rows that do not fit the header are dropped and noted with their first line.
        """
        chosen = ", ".join(f"{expression} AS {name}" for name, expression in select.items())
        first_row = self._count(into)
        rejects = self._append(into, chosen, table.scan, table.name)
        if table.literal_scan and rejects.runaway_line is not None:
            message = "a quote is opened and never closed; quotes were read as plain text in this file"
            loaded.notes.append(DataNote("warning", message, file=table.name, line=rejects.runaway_line))
            self._remove_from(into, first_row)
            rejects = self._append(into, chosen, table.literal_scan, table.name)
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

    def _append(self, into: str, chosen: str, scan: str, name: str) -> Rejects:
        try:
            self.db.execute(f"INSERT INTO {into} BY NAME SELECT {chosen} FROM {scan}")
        except duckdb.Error as error:
            raise refusal(error, printable(name, 120)) from error
        return self.take_rejects()

    def take_rejects(self) -> Rejects:
        """What the scans since the last call could not read."""
        known = self.db.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone()
        if known is None:
            return Rejects(np.empty(0, np.int64))
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
        row = self.db.execute(f"SELECT count(*) FROM {name}").fetchone()
        assert row is not None
        return int(row[0])

    def _remove_from(self, name: str, first_row: int) -> None:
        self.db.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {name} WHERE rowid < {first_row}")
        self.db.execute(f"TRUNCATE {name}")
        self.db.execute(f"INSERT INTO {name} SELECT * FROM kept")
        self.db.execute("DROP TABLE kept")


_REASONS = {
    "TOO MANY COLUMNS": "more fields than the header",
    "MISSING COLUMNS": "fewer fields than the header",
    "UNQUOTED VALUE": "a quote in the wrong place",
    "LINE SIZE OVER MAXIMUM": f"longer than {_MAX_LINE_BYTES >> 20} MiB",
}


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
    # The path is one of ours and tells the user nothing.
    reason = printable(re.sub(r" (in|at end of) file '[^']*'", "", str(error).splitlines()[0]), 160)
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


def _text_scan(path: Path, columns: Sequence[Column], delimiter: str, quote: str, *, has_header: bool) -> str:
    types = ", ".join(f"{_literal(column.sql.strip(chr(34)))}: 'VARCHAR'" for column in columns)
    return (
        f"read_csv({_literal(path)}, columns = {{{types}}}, auto_detect = false, header = {has_header}, "
        f"delim = {_literal(delimiter)}, quote = '{quote}', escape = '{quote}', "
        f"max_line_size = {_MAX_LINE_BYTES}, store_rejects = true, rejects_limit = 0)"
    )


def _literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
