"""Opening an audit file: one process may write, or many may read.

A run writes in one transaction. A file that does not exist yet is built beside its final place and moved
there when it is complete, so a killed command leaves what was there before, or everything.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from recaudit import __version__
from recaudit.errors import EnvironmentProblem, InputRefused, UsageError
from recaudit.store.schema import SCHEMA_VERSION, migration, vectors_table
from recaudit.text import printable


class Audit:
    """An open audit file. Use ``reading`` or ``writing``; ``store.write`` and ``store.read`` hold the SQL."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self.connection = connection
        self.path = path

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return self.connection.execute(sql, parameters).fetchall()

    def frame(self, sql: str, parameters: Sequence[Any] = ()) -> pd.DataFrame:
        """A query's result as a data frame."""
        return self.connection.execute(sql, parameters).df()

    def columns(self, sql: str, parameters: Sequence[Any] = ()) -> dict[str, np.ndarray]:
        """A query's result as numpy columns; NULL becomes a masked value."""
        return self.connection.execute(sql, parameters).fetchnumpy()

    def append(self, table: str, frame: pd.DataFrame, order: str = "") -> None:
        """Add a frame's rows to a table, columns matched by name."""
        self.connection.register("_incoming", frame)
        try:
            sorted_by = f" ORDER BY {order}" if order else ""
            self.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM _incoming{sorted_by}")
        finally:
            self.connection.unregister("_incoming")

    def has_table(self, name: str) -> bool:
        return bool(self.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]))

    def ensure_vectors(self, dim: int) -> str:
        """Name of the vector table of this width, created when missing."""
        table = vectors_table(dim)
        if not self.has_table(table.name):
            for statement in table.statements():
                self.connection.execute(statement)
        return table.name


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Audit]:
    """Open an existing audit file read-only.

    Raises:
        UsageError: no such file.
        EnvironmentProblem: another process is writing; names it.
        InputRefused: not an audit file, or of a version this release cannot read.
    """
    if not path.exists():
        raise UsageError(
            f"{printable(path)}: no such audit file",
            fix="make one with `recaudit ingest CHECKPOINT --data PATH`, or name another with --db FILE",
        )
    with _connected(path, read_only=True) as connection:
        _check_version(connection, path, writable=False)
        yield Audit(connection, path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Audit]:
    """Open an audit file for one transaction, creating or migrating it; commits when the block ends well.

    Raises as ``reading``.
    """
    target = path if path.exists() else _building(path)
    try:
        with _connected(target, read_only=False) as connection:
            _check_version(connection, target, writable=True)
            connection.execute("BEGIN")
            _migrate(connection)
            yield Audit(connection, path)
            connection.execute("COMMIT")
            connection.execute("CHECKPOINT")
    except BaseException:
        if target != path:
            _discard(target)
        raise
    if target != path:
        target.rename(path)


def _building(path: Path) -> Path:
    if not path.parent.is_dir():
        raise UsageError(
            f"{printable(path.parent)}: no such folder for the audit file",
            fix="create it, or choose --db FILE",
        )
    for stale in path.parent.glob(f".{path.name}.*.building*"):
        if not _alive(stale):
            stale.unlink()
    return path.with_name(f".{path.name}.{os.getpid()}.building")


def _alive(building: Path) -> bool:
    match = re.search(r"\.(\d+)\.building", building.name)
    if match is None:
        return False
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _discard(building: Path) -> None:
    for leftover in building.parent.glob(f"{building.name}*"):
        leftover.unlink()


@contextlib.contextmanager
def _connected(path: Path, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        connection = duckdb.connect(path, read_only=read_only, config=_SETTINGS)
    except duckdb.IOException as error:
        raise _unopened(path, str(error)) from None
    except duckdb.Error as error:
        raise InputRefused(
            f"{printable(path)}: not an audit file ({printable(str(error).splitlines()[0], 120)})",
            fix="name a file that `recaudit ingest` wrote, with --db FILE",
        ) from None
    try:
        yield connection
    finally:
        connection.close()


_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # An audit file may come from somebody else: a view in it must not reach other files or the network.
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def _unopened(path: Path, message: str) -> Exception:
    holder = re.search(r"held in (.+?) \(PID (\d+)\)", message)
    if holder:
        return EnvironmentProblem(
            f"{printable(path)}: another process is using it (PID {holder[2]}, {printable(holder[1])})",
            fix="wait until it ends, or work on a copy of the file",
        )
    if "not a valid DuckDB database" in message or "Could not read enough bytes" in message:
        return InputRefused(
            f"{printable(path)}: not an audit file, or one that was cut off",
            fix="name a file that `recaudit ingest` wrote, with --db FILE",
        )
    return EnvironmentProblem(
        f"{printable(path)}: cannot be opened ({printable(message.splitlines()[0], 160)})",
        fix="check that the disk has room and that the folder may be written",
    )


def _version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """Schema version; 0 for an empty database; None for a database that is no audit file."""
    tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if not tables:
        return 0
    if "meta" not in tables:
        return None
    row = connection.execute("SELECT schema_version FROM meta").fetchone()
    return int(row[0]) if row else None


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path, *, writable: bool) -> None:
    version = _version(connection)
    if version is None or (version == 0 and not writable):
        raise InputRefused(
            f"{printable(path)}: a DuckDB file, but no audit",
            fix="name a file that `recaudit ingest` wrote",
        )
    if version > SCHEMA_VERSION:
        raise InputRefused(
            f"{printable(path)}: written by a newer recaudit (schema {version}, this one reads {SCHEMA_VERSION})",
            fix="upgrade recaudit",
        )
    if version < SCHEMA_VERSION and not writable:
        raise InputRefused(
            f"{printable(path)}: written by an older recaudit (schema {version} of {SCHEMA_VERSION})",
            fix=f"run `recaudit migrate --db {printable(path)}`: what is in it stays",
        )


def _migrate(connection: duckdb.DuckDBPyConnection) -> None:
    version = _version(connection)
    assert version is not None
    for behind in range(version, SCHEMA_VERSION):
        for statement in migration(behind):
            connection.execute(statement)
    if version < SCHEMA_VERSION:
        connection.execute("DELETE FROM meta")
        connection.execute("INSERT INTO meta VALUES (?, ?)", [SCHEMA_VERSION, __version__])
