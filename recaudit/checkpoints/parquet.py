"""Tables in Parquet, read by DuckDB with everything but this one file locked away."""

from __future__ import annotations

from typing import Any

import numpy as np

from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, short
from recaudit.checkpoints.vectors import fold_vectors

PARQUET_MAGIC = b"PAR1"
SHORTEST = 12
LARGEST_FOOTER = 64 << 20


def read_parquet(data: memoryview, reading: Reading) -> dict[str, Any]:
    """Column name -> values; list columns and numbered columns become one array."""
    reading.format = "parquet"
    _check_footer(data)
    if reading.source is None:
        raise Damaged("a Parquet table inside another file is not read")
    return fold_vectors(_columns(reading))


def _check_footer(data: memoryview) -> None:
    if len(data) < SHORTEST or bytes(data[-4:]) != PARQUET_MAGIC:
        raise Damaged("the Parquet table has no footer: the file is cut off")
    footer = int.from_bytes(data[-8:-4], "little")
    if footer > min(LARGEST_FOOTER, len(data) - SHORTEST):
        raise Damaged(f"the Parquet footer declares {footer:,} bytes, more than the file can hold")


def _columns(reading: Reading) -> dict[str, Any]:
    import duckdb

    # A descriptor path has no characters that DuckDB would expand, whatever the file is called.
    path = f"/dev/fd/{reading.source}"
    memory = reading.limits.output_for(reading.file_bytes) >> 20
    try:
        with duckdb.connect(":memory:", config={"memory_limit": f"{memory}MiB"}) as connection:
            # The order matters: the last two take away the right to change the others.
            connection.execute("set threads = 1")
            connection.execute("set autoload_known_extensions = false")
            connection.execute("set allowed_paths = [?]", [path])
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            found = connection.execute("select * from read_parquet(?)", [path]).fetchnumpy()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise Damaged(f"the Parquet table cannot be read: {short(reason)}") from error
    return {name: _plain(column, name) for name, column in found.items()}


def _plain(column: Any, name: str) -> Any:
    if isinstance(column, np.ma.MaskedArray):
        column = column.filled(np.nan) if column.dtype.kind == "f" else column.tolist()
    if isinstance(column, np.ndarray) and column.dtype.kind == "O":
        column = column.tolist()
    if isinstance(column, list) and column and isinstance(column[0], (list, np.ndarray)):
        return _stacked(column, name)
    return column


def _stacked(column: list[Any], name: str) -> np.ndarray:
    if len({len(row) if row is not None else -1 for row in column}) != 1:
        raise Damaged(f"the vectors in column {short(name)} have different lengths")
    return np.array(column)
