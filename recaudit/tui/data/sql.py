"""A query of one's own, read-only, cut to what a table can show."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import duckdb

from recaudit.errors import UsageError
from recaudit.report.layout import number
from recaudit.store import Audit, listings
from recaudit.store.schema import tables as described
from recaudit.text import printable
from recaudit.tui.blocks import Column

MOST = 500
CELL = 60


@dataclass(frozen=True)
class Result:
    """``more``: there are rows beyond those shown."""

    query: str
    columns: tuple[Column, ...]
    cells: list[tuple[str, ...]]
    rows: list[tuple[Any, ...]]
    more: bool
    seconds: float


def run(audit: Audit, query: str) -> Result:
    """Answer a query.

    Raises:
        UsageError: the database does not take it; says what it said.
    """
    started = time.perf_counter()
    try:
        cursor = audit.connection.execute(query)
        names = [str(column[0]) for column in cursor.description or []]
        rows = cursor.fetchmany(MOST + 1)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise UsageError(
            f"the query failed: {printable(str(error).splitlines()[0], 400)}", fix="F2 lists the tables"
        ) from None
    return _result(query, names, rows, time.perf_counter() - started)


def tables(audit: Audit) -> Result:
    """The tables of the file, with what a row of each is."""
    about = {table.name: table.row for table in described()}
    rows = [(name, n, about.get(name, "")) for name, n in listings.tables(audit)]
    return _result("SHOW TABLES", ["table", "rows", "one row is"], rows, 0.0)


def _result(query: str, names: list[str], rows: list[tuple[Any, ...]], seconds: float) -> Result:
    shown = rows[:MOST]
    columns = tuple(
        Column(name, any(isinstance(row[place], (int, float)) for row in shown[:20]))
        for place, name in enumerate(names)
    )
    cells = [
        tuple(
            "–"
            if value is None
            else printable(value, CELL)
            if isinstance(value, (str, list, dict))
            else printable(number(value), CELL)
            for value in row
        )
        for row in shown
    ]
    return Result(query, columns, cells, shown, len(rows) > MOST, seconds)
