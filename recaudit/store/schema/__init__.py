"""The audit file's tables. ``docs/audit-file.md`` is generated from here; names are a public interface.

One file a version, never edited once released: entry ``n`` of ``VERSIONS`` takes a file from version ``n`` to
``n + 1``. Vectors live in one table per width (``vectors_64``), since DuckDB's ARRAY type has a fixed size.
"""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, AddedColumns, Table
from recaudit.store.schema.v1 import VERSION_1
from recaudit.store.schema.v2 import VERSION_2
from recaudit.store.schema.v3 import VERSION_3
from recaudit.store.schema.v4 import VERSION_4
from recaudit.store.schema.v5 import VERSION_5
from recaudit.store.schema.v6 import VERSION_6
from recaudit.store.schema.v7 import VERSION_7
from recaudit.store.schema.v8 import VERSION_8
from recaudit.store.schema.v9 import VERSION_9

META = "CREATE TABLE meta (schema_version INTEGER NOT NULL, tool_version VARCHAR NOT NULL)"

VERSIONS: tuple[tuple[Table | AddedColumns, ...], ...] = (
    VERSION_1,
    VERSION_2,
    VERSION_3,
    VERSION_4,
    VERSION_5,
    VERSION_6,
    VERSION_7,
    VERSION_8,
    VERSION_9,
)

SCHEMA_VERSION = len(VERSIONS)


def migration(version: int) -> list[str]:
    """The statements that take a file from ``version`` to the next one; version 0 is an empty file."""
    statements = [statement for change in VERSIONS[version] for statement in change.statements()]
    return [META, *statements] if version == 0 else statements


def tables() -> list[Table]:
    """Every table as the newest version has it."""
    found: dict[str, Table] = {}
    for change in (change for version in VERSIONS for change in version):
        found[change.name] = change if isinstance(change, Table) else change.applied(found[change.name])
    return list(found.values())


def vectors_table(dim: int) -> Table:
    """Vectors of one width."""
    return Table(
        f"vectors_{dim}",
        f"a vector of width {dim}; one such table per width in use",
        (
            MODEL,
            ("sae_id", "INTEGER", "NULL, or the dictionary whose part this is"),
            (
                "kind",
                "VARCHAR NOT NULL",
                "`case` (the probed vector), `item`, `encoder`, `decoder`, `pre_bias`, `skip` (a row of the linear "
                "path around the latents)",
            ),
            (
                "entity_id",
                "INTEGER NOT NULL",
                "`case_id`, `item_id`, `latent`, or output dimension of `skip`",
            ),
            ("vector", f"FLOAT[{dim}] NOT NULL", ""),
            ("bias", "FLOAT", "an encoder row's bias"),
        ),
    )
