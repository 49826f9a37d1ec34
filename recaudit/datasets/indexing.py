"""Staged tables to dense indexes and numeric columns. Ids stay in DuckDB: only numbers are fetched in bulk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.datasets.staging import Staged
from recaudit.datasets.types import DataNote, Split
from recaudit.datasets.workspace import Workspace
from recaudit.errors import InputRefused, UsageError
from recaudit.text import printable

_SPLIT_NAMES = {"train": Split.TRAIN, "valid": Split.VALID, "dev": Split.VALID, "validation": Split.VALID,
                "test": Split.TEST}  # fmt: skip
_OLDEST, _NEWEST = -2_208_988_800, 4_102_444_800
"""1900 and 2100: times outside are mistakes."""
_UNITS = ((1e17, 10**9, "nanoseconds"), (1e14, 10**6, "microseconds"), (1e11, 10**3, "milliseconds"))


@dataclass(frozen=True)
class Columns:
    """Interactions as numbers, in file order."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    rating: NDArray[np.float32] | None
    timestamp: NDArray[np.int64] | None
    place: NDArray[np.float64] | None
    """From an order column, NaN where missing."""
    split: NDArray[np.int8] | None


def drop_unusable(workspace: Workspace, staged: Staged, min_rating: float | None) -> None:
    """Make the view ``kept``: interactions with both ids, and with the rating asked for.

    Raises:
        InputRefused: nothing is left.
        UsageError: a minimum is asked of data without ratings.
    """
    if min_rating is not None and "rating" not in staged.roles:
        raise UsageError(
            "--min-rating needs a rating column, and the interactions have none",
            fix="drop --min-rating, or name the column with --column rating=NAME",
        )
    staged_rows = staged.interactions
    no_id = "user_id IS NULL OR item_id IS NULL"
    _note_rows(workspace, staged, "dropped", "interactions without a user or item id", no_id)
    _note_rows(
        workspace, staged, "warning", "ratings that are no finite number; taken as missing", "bad_rating"
    )
    condition = f"NOT ({no_id})"
    if min_rating is not None:
        low = f"{condition} AND (rating IS NULL OR rating < {float(min_rating)!r})"
        _note_rows(
            workspace, staged, "dropped", f"interactions rated below {min_rating:g} or not at all", low
        )
        condition += f" AND rating >= {float(min_rating)!r}"
    workspace.db.execute(f"CREATE VIEW kept AS SELECT rowid AS row, * FROM interactions WHERE {condition}")
    if _one(workspace, "SELECT count(*) FROM kept") == 0:
        names = ", ".join(printable(part.name, 60) for part in staged_rows.parts)
        raise InputRefused(
            f"{names}: no usable interaction", fix="give a table with one row for each interaction"
        )


def index_ids(workspace: Workspace, staged: Staged) -> None:
    """Make ``user_index`` and ``item_index``: the table's order, then first appearance in the interactions."""
    if not staged.has_users:
        workspace.db.execute("CREATE TABLE users (raw_id VARCHAR)")
    for kind, loaded in (("user", staged.users), ("item", staged.items)):
        _note_table_ids(workspace, kind, staged)
        workspace.db.execute(f"""
            CREATE TABLE {kind}_index AS
            SELECT raw_id, first_row, CAST(row_number() OVER (ORDER BY late, first_row) - 1 AS INTEGER) AS idx,
                late = 1 AS is_late
            FROM (
                SELECT raw_id, min(rowid) AS first_row, 0 AS late
                FROM {kind}s WHERE raw_id IS NOT NULL GROUP BY raw_id
                UNION ALL
                SELECT {kind}_id, min(row), 1 FROM kept WHERE {kind}_id NOT IN
                    (SELECT raw_id FROM {kind}s WHERE raw_id IS NOT NULL) GROUP BY {kind}_id
            )""")
        listed = staged.has_users if kind == "user" else staged.has_items
        late = _one(workspace, f"SELECT count(*) FROM {kind}_index WHERE is_late")
        if listed and late:
            example = _one(workspace, f"SELECT raw_id FROM {kind}_index WHERE is_late ORDER BY idx LIMIT 1")
            message = f"{kind}s of the interactions that the table of {kind}s lacks (first: {printable(example, 40)})"
            loaded.notes.append(DataNote("warning", message, late))
        _note_float_ids(workspace, kind, loaded.notes)


def _note_table_ids(workspace: Workspace, kind: str, staged: Staged) -> None:
    loaded = staged.users if kind == "user" else staged.items
    count, row = _row(workspace, f"SELECT count(*), min(rowid) FROM {kind}s WHERE raw_id IS NULL")
    if count:
        loaded.note("dropped", f"rows of the table of {kind}s without an id", count, row)
    count, row = _row(
        workspace,
        f"SELECT count(*), min(row) FROM (SELECT rowid AS row, row_number() OVER "
        f"(PARTITION BY raw_id ORDER BY rowid) AS nth FROM {kind}s WHERE raw_id IS NOT NULL) WHERE nth > 1",
    )
    if count:
        message = f"repeated ids in the table of {kind}s; the first row of each is used"
        loaded.note("dropped", message, count, row)


def _note_float_ids(workspace: Workspace, kind: str, notes: list[DataNote]) -> None:
    count, example = _row(
        workspace,
        f"SELECT count(*), min(raw_id) FROM {kind}_index WHERE regexp_full_match(raw_id, '-?[0-9]+[.]0+')",
    )
    if count:
        message = f'{kind} ids look like floats ("{printable(example, 40)}"); they are kept as text, so "1.0" is not "1"'
        notes.append(DataNote("warning", message, count))


def mend_times(workspace: Workspace, staged: Staged) -> None:
    """Bring times to seconds and forget the impossible ones."""
    if "timestamp" not in staged.roles:
        return
    median = _one(workspace, "SELECT approx_quantile(time, 0.5) FROM interactions") or 0
    for least, divisor, unit in _UNITS:
        if median > least:
            workspace.db.execute(f"UPDATE interactions SET time = time // {divisor}")
            staged.interactions.notes.append(DataNote("info", f"times are in {unit}; read as such"))
            break
    impossible = f"time NOT BETWEEN {_OLDEST} AND {_NEWEST}"
    message = "times that are no number, no date or not between 1900 and 2100; taken as missing"
    _note_rows(workspace, staged, "warning", message, f"bad_time OR {impossible}")
    workspace.db.execute(f"UPDATE interactions SET time = NULL WHERE {impossible}")


def check_split(workspace: Workspace, staged: Staged) -> None:
    """Refuse a split column with values that are not the name of a part."""
    known = ", ".join(f"'{name}'" for name in _SPLIT_NAMES)
    found = workspace.db.execute(
        f"SELECT DISTINCT split FROM kept WHERE split IS NULL OR lower(split) NOT IN ({known}) ORDER BY split "
        "LIMIT 5"
    ).fetchall()
    if found:
        values = ", ".join("(empty)" if value is None else printable(value, 30) for (value,) in found)
        raise UsageError(
            f"the split column holds {values}; only train, valid (or dev, validation) and test are known",
            fix="name another column with --split-column, or make a split with --split leave_one_out",
        )


def fetch_columns(workspace: Workspace, staged: Staged, *, with_split: bool) -> Columns:
    """The kept interactions as arrays."""
    cases = " ".join(f"WHEN '{name}' THEN {int(part)}" for name, part in _SPLIT_NAMES.items())
    wanted = {
        "row": "r.row",
        "user": "u.idx",
        "item": "i.idx",
        **({"rating": "r.rating"} if "rating" in staged.roles else {}),
        **({"time": "r.time"} if "timestamp" in staged.roles else {}),
        **({"place": "r.place"} if "order" in staged.roles else {}),
        **({"split": f"CAST(CASE lower(r.split) {cases} END AS TINYINT)"} if with_split else {}),
    }
    fetched = workspace.db.execute(
        f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in wanted.items())} FROM kept r "
        "JOIN user_index u ON r.user_id = u.raw_id JOIN item_index i ON r.item_id = i.raw_id"
    ).fetchnumpy()
    # A parallel join may hand rows over in any order.
    row = _filled(fetched.pop("row"), 0)
    order = None if (np.diff(row) > 0).all() else np.argsort(row)

    def column(name: str, missing: Any) -> NDArray[Any] | None:
        if name not in fetched:
            return None
        values = _filled(fetched.pop(name), missing)
        return values if order is None else values[order]

    user, item = column("user", -1), column("item", -1)
    assert user is not None
    assert item is not None
    missing_time = np.iinfo(np.int64).min
    return Columns(
        user, item, column("rating", np.nan), column("time", missing_time), column("place", np.nan),
        column("split", Split.TRAIN),
    )  # fmt: skip


def fetch_users(workspace: Workspace, n_attributes: int) -> pd.DataFrame:
    """``raw_id``, then ``a0``, ``a1``, … in dense order."""
    attributes = "".join(f", t.a{place}" for place in range(n_attributes))
    return workspace.db.execute(
        f"SELECT x.raw_id{attributes} FROM user_index x LEFT JOIN users t "
        "ON t.rowid = x.first_row AND NOT x.is_late ORDER BY x.idx"
    ).df()


def fetch_items(workspace: Workspace) -> pd.DataFrame:
    """``raw_id``, ``title`` and ``year`` as text, in dense order."""
    return workspace.db.execute(
        "SELECT x.raw_id, t.title, t.year FROM item_index x LEFT JOIN items t "
        "ON t.rowid = x.first_row AND NOT x.is_late ORDER BY x.idx"
    ).df()


def fetch_terms(workspace: Workspace) -> pd.DataFrame:
    """Every ``item``, ``kind`` and ``name`` that the files state: genres, tags, categories."""
    listed = " UNION ALL ".join(
        f"SELECT x.idx AS item, '{kind}' AS kind, unnest(t.{column}) AS name FROM items t "
        "JOIN item_index x ON t.rowid = x.first_row AND NOT x.is_late"
        for kind, column in (("genre", "genres"), ("tag", "tags"), ("category", "category"))
    )
    return workspace.db.execute(
        f"{listed} UNION ALL SELECT x.idx, 'tag', t.tag FROM taggings t JOIN item_index x ON t.item_id = x.raw_id"
    ).df()


def _note_rows(workspace: Workspace, staged: Staged, level: str, message: str, condition: str) -> None:
    count, row = _row(workspace, f"SELECT count(*), min(rowid) FROM interactions WHERE {condition}")
    if count:
        staged.interactions.note(level, message, count, row)


def _filled(values: Any, missing: Any) -> NDArray[Any]:
    return values.filled(missing) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)


def _row(workspace: Workspace, query: str) -> tuple[Any, ...]:
    row = workspace.db.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def _one(workspace: Workspace, query: str) -> Any:
    return _row(workspace, query)[0]
