"""``recaudit migrate``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, note
from recaudit.errors import UsageError
from recaudit.text import printable


@click.command()
@db_option
def migrate(db: Path) -> None:
    """Bring an audit file of an older recaudit to this one's tables; what is in it stays."""
    from recaudit.store import writing
    from recaudit.store.schema import SCHEMA_VERSION

    if not db.exists():
        raise UsageError(f"{printable(db)}: no such audit file", fix="name one with --db FILE")
    with writing(db):
        pass
    note(f"{printable(db)}: schema {SCHEMA_VERSION}")
