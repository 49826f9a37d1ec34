"""A frame into a file."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pandas as pd

from recaudit.errors import EnvironmentProblem
from recaudit.labels.edits import guarded
from recaudit.text import printable


def write(frame: pd.DataFrame, path: Path) -> int:
    """Write a frame as csv, json or parquet by the path's ending; replaces what is there at once or not at all.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.suffix == ".csv":
            frame.map(guarded).to_csv(part, index=False)
        elif path.suffix == ".json":
            frame.to_json(part, orient="records", force_ascii=False, indent=1, double_precision=15)
        else:
            with duckdb.connect() as connection:
                connection.register("_frame", frame)
                name = str(part).replace("'", "''")
                connection.execute(f"COPY _frame TO '{name}' (FORMAT parquet)")
        part.replace(path)
    except (OSError, duckdb.Error) as error:
        part.unlink(missing_ok=True)
        raise EnvironmentProblem(
            f"{printable(path)}: cannot be written ({printable(error, 120)})",
            fix="choose another folder, or make room",
        ) from None
    return len(frame)
