"""``recaudit sql``"""

from __future__ import annotations

from pathlib import Path

import click
import duckdb

from recaudit.cli.output import db_option, format_option, limit_option, show
from recaudit.errors import UsageError
from recaudit.text import printable


@click.command()
@click.argument("query")
@limit_option(500)
@format_option
@db_option
def sql(query: str, limit: int, format_: str, db: Path) -> None:
    """Run QUERY on the audit file, read-only. Tables: docs/audit-file.md, or `SHOW TABLES`."""
    from recaudit.store import reading

    with reading(db) as audit:
        try:
            cursor = audit.connection.execute(query)
            columns = [column[0] for column in cursor.description or []]
            rows = cursor.fetchall()
        except duckdb.Error as error:
            raise UsageError(
                f"the query failed: {printable(str(error).splitlines()[0], 300)}",
                fix="see the tables with `recaudit sql 'SHOW TABLES'`",
            ) from None
    shown = rows if limit < 0 else rows[:limit]
    show(columns, shown, format_, of=len(rows))
