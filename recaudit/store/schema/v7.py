"""Schema version 7: what people pin to entities of an audit."""

from __future__ import annotations

from recaudit.store.schema.table import SAE, AddedColumns, Table

_ENTITY = (
    SAE,
    ("kind", "VARCHAR NOT NULL", "`latent`"),
    ("entity", "VARCHAR NOT NULL", "its number, as text"),
)

VERSION_7: tuple[Table | AddedColumns, ...] = (
    Table(
        "bookmarks",
        "an entity that somebody marked",
        (
            *_ENTITY,
            ("author", "VARCHAR NOT NULL", "who"),
            ("marked", "TIMESTAMP NOT NULL", "UTC"),
        ),
    ),
    Table(
        "notes",
        "what somebody wrote about an entity",
        (
            *_ENTITY,
            ("text", "VARCHAR NOT NULL", ""),
            ("author", "VARCHAR NOT NULL", "who"),
            ("written", "TIMESTAMP NOT NULL", "UTC"),
        ),
    ),
)
