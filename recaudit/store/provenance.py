"""Which commands a report rests on: the runs named in the rows of a model and of its dictionaries."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.read import Model, Sae


def runs(audit: Audit, models: Sequence[Model], saes: Sequence[Sae]) -> pd.DataFrame:
    """Runs that wrote a row of these models and dictionaries, oldest first.

    A row that names no dictionary is of the model. Runs on other models and dictionaries of the file are left out.

    Returns:
        Columns ``command, arguments`` (JSON)``, tool_version, seed, finished`` (UTC, to the minute)``, run_id``.
    """
    chosen = {
        "models": [model.model_id for model in models],
        "datasets": [model.dataset_id for model in models],
        "saes": [sae.sae_id for sae in saes],
    }
    sources = [_source(table, columns) for table, columns in _tables(audit)]
    wanted = " UNION ".join(source for source in sources if source)
    used = {name: ids for name, ids in chosen.items() if f"${name}" in wanted}
    return audit.frame(
        "SELECT command, arguments::VARCHAR AS arguments, tool_version, seed, strftime(finished, '%Y-%m-%d %H:%M') "
        f"AS finished, run_id FROM runs WHERE run_id IN ({wanted}) ORDER BY runs.finished, run_id",
        used,  # type: ignore[arg-type]
    )


def _tables(audit: Audit) -> list[tuple[str, set[str]]]:
    """Tables whose rows name their run, with their columns."""
    rows = audit.rows(
        "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE NOT internal GROUP BY table_name "
        "HAVING list_contains(list(column_name), 'run_id') AND table_name <> 'runs' ORDER BY table_name"
    )
    return [(str(table), set(columns)) for table, columns in rows]


def _source(table: str, columns: set[str]) -> str | None:
    """SQL of the runs behind a table's rows of the chosen models and dictionaries; None for a table of neither."""
    conditions = [
        condition
        for column, condition in (
            ("model_id", "list_contains($models, model_id)"),
            ("sae_id", "(sae_id IS NULL OR list_contains($saes, sae_id))"),
        )
        if column in columns
    ]
    if not conditions and "dataset_id" in columns:
        conditions = ["list_contains($datasets, dataset_id)"]
    return f"SELECT run_id FROM {table} WHERE {' AND '.join(conditions)}" if conditions else None
