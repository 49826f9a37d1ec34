"""What a schema is written in: tables, and columns added to them later."""

from __future__ import annotations

from dataclasses import dataclass, replace

Column = tuple[str, str, str]
"""(name, SQL type, meaning)."""


@dataclass(frozen=True)
class Table:
    """A table with what one row is, for the documentation."""

    name: str
    row: str
    columns: tuple[Column, ...]

    def statements(self) -> tuple[str, ...]:
        """SQL that makes it."""
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in self.columns)
        return (f"CREATE TABLE {self.name} ({columns})",)


@dataclass(frozen=True)
class AddedColumns:
    """Columns that a later version adds to a table; ``kind`` may carry a DEFAULT for the rows there are."""

    name: str
    columns: tuple[Column, ...]
    row: str | None = None
    """What one row of the table is from now on, where that changed."""

    def statements(self) -> tuple[str, ...]:
        """SQL that adds them."""
        return tuple(f"ALTER TABLE {self.name} ADD COLUMN {name} {kind}" for name, kind, _ in self.columns)

    def applied(self, table: Table) -> Table:
        """The table as it is afterwards."""
        return replace(table, row=self.row or table.row, columns=(*table.columns, *self.columns))


MODEL = ("model_id", "INTEGER NOT NULL", "the recommender, see `models`")
DATASET = ("dataset_id", "INTEGER NOT NULL", "see `datasets`")
RUN = ("run_id", "VARCHAR NOT NULL", "the command that wrote the row, see `runs`")
SAE = ("sae_id", "INTEGER NOT NULL", "the dictionary, see `saes`")
ANY_SAE = ("sae_id", "INTEGER", "the dictionary, or NULL for the model as it is")
