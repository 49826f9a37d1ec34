"""Which raw id a row of a model's table stands for, where the checkpoint does not say."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import duckdb

from recaudit.datasets.columns import shown_names
from recaudit.datasets.options import check_known
from recaudit.datasets.tables import Column, Table, TableSpec
from recaudit.datasets.textfile import inspect
from recaudit.datasets.types import DataNote, SourceFile
from recaudit.datasets.workspace import Workspace, refusal
from recaudit.errors import InputRefused
from recaudit.text import printable

KINDS = ("user", "item")
_FORMS = "a table kind,row,raw_id or row,raw_id; a JSON object raw id: row; or a JSON list of raw ids"
_MAX_JSON_BYTES = 1 << 30
_COLUMNS = ("raw_id", "row")


@dataclass(frozen=True)
class IdMap:
    """Rows and raw ids, one to one.

    Attributes:
        rows: ``user`` and ``item``, either may be absent, to row to raw id (text).
        notes: gaps.
    """

    rows: Mapping[str, Mapping[int, str]]
    source: SourceFile
    notes: tuple[DataNote, ...] = ()

    def check_size(self, kind: str, n_rows: int) -> None:
        """Refuse rows that a table of ``n_rows`` rows does not have."""
        outside = [row for row in self.rows.get(kind, {}) if row >= n_rows]
        if outside:
            raise InputRefused(
                f"{printable(self.source.name, 120)} names {kind} row {max(outside):,} "
                f"({len(outside):,} rows too many), but the model's {kind} table has {n_rows:,} rows",
                fix="give the id map of this model; rows count from 0",
            )

    def original(self, kind: str, row_ids: Sequence[str]) -> list[str]:
        """Raw ids for ids that are rows written as text.

        Raises:
            InputRefused: one of them is not in the map.
        """
        by_text = {str(row): raw for row, raw in self.rows[kind].items()}
        missing = [row for row in row_ids if row not in by_text]
        if missing:
            raise InputRefused(
                f"{printable(self.source.name, 120)} has no {kind} row {printable(missing[0], 60)} "
                f"({len(missing):,} {kind} ids of the data are not in it)",
                fix="give the id map that was made with this data",
            )
        return [by_text[row] for row in row_ids]


def read_id_map(path: Path, kind: str = "item") -> IdMap:
    """Read a map from a table or from JSON.

    Args:
        kind: what the rows are, where the file does not say.

    Raises:
        InputRefused: the file is damaged, or is no one-to-one map of whole rows from 0 up.
    """
    check_known("kind of id", kind, KINDS)
    shown = printable(path.name, 120)
    if not path.is_file():
        raise InputRefused(f"{printable(path)}: no such file", fix=f"give an id map: {_FORMS}")
    facts = inspect(path)
    source = SourceFile(path.name, facts.sha256, facts.n_bytes)
    is_json = facts.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    pairs = _json_pairs(path, kind, shown) if is_json else _table_pairs(path, kind, shown)
    rows = {kind: _one_to_one(of_kind, kind, shown) for kind, of_kind in pairs.items()}
    if not any(rows.values()):
        raise InputRefused(f"{shown}: the map is empty", fix=f"give an id map: {_FORMS}")
    return IdMap(rows, source, tuple(_gaps(rows, path.name)))


_Pairs = list[tuple[Any, Any]]
"""Raw id and row as the file gives them."""


def _one_to_one(pairs: _Pairs, kind: str, shown: str) -> dict[int, str]:
    raw_ids: dict[int, str] = {}
    rows: dict[str, int] = {}
    for raw, row in pairs:
        row, raw = _row_number(row, raw, shown), _raw_text(raw, row, shown)
        if row in raw_ids:
            _refuse(f"{kind} row {row} is given to two ids, {_q(raw_ids[row])} and {_q(raw)}", shown)
        if raw in rows:
            _refuse(f"{kind} id {_q(raw)} is given two rows, {rows[raw]} and {row}", shown)
        raw_ids[row], rows[raw] = raw, row
    return raw_ids


def _row_number(row: Any, raw: Any, shown: str) -> int:
    if isinstance(row, str) and row.strip().isdecimal() and len(row) < 20:
        row = int(row)
    if isinstance(row, bool) or not isinstance(row, int):
        _refuse(f"the row of id {_q(raw)} is {_q(row)}, not a whole number", shown)
    if row < 0:
        _refuse(f"the row of id {_q(raw)} is {row}, below 0", shown)
    return row


def _raw_text(raw: Any, row: Any, shown: str) -> str:
    is_whole = isinstance(raw, int) and not isinstance(raw, bool)
    if not (is_whole or (isinstance(raw, str) and raw)):
        _refuse(f"the id of row {_q(row)} is {_q(raw)}, not a text or a whole number", shown)
    return str(raw)


def _gaps(rows: Mapping[str, Mapping[int, str]], file: str) -> Iterable[DataNote]:
    for kind, mapping in rows.items():
        missing = max(mapping, default=-1) + 1 - len(mapping)
        if missing:
            yield DataNote("info", f"{kind} rows without an id, as padding rows are", missing, file)


def _json_pairs(path: Path, kind: str, shown: str) -> dict[str, _Pairs]:
    if path.stat().st_size > _MAX_JSON_BYTES:
        _refuse(f"more than {_MAX_JSON_BYTES >> 30} GiB of JSON", shown)
    try:
        content = json.loads(
            path.read_text(encoding="utf-8-sig"),
            object_pairs_hook=lambda pairs: _object(pairs, shown),
            parse_constant=lambda constant: _refuse(f"holds {constant}, which is no row", shown),
        )
    except RecursionError as error:
        raise InputRefused(f"{shown}: nested too deeply", fix=f"give an id map: {_FORMS}") from error
    except ValueError as error:
        raise InputRefused(
            f"{shown}: not valid JSON ({printable(error, 100)})", fix=f"give an id map: {_FORMS}"
        ) from error
    if isinstance(content, dict) and content and all(isinstance(v, dict | list) for v in content.values()):
        for name in content:
            if name not in KINDS:
                _refuse(f"holds a map for {_q(name)}; only user and item are known", shown)
        return {name: _pairs_of(part) for name, part in content.items()}
    return {kind: _pairs_of(content)}


def _pairs_of(content: dict[str, Any] | list[Any]) -> _Pairs:
    if isinstance(content, dict):
        return list(content.items())
    # A null keeps the place of a row that stands for nothing.
    return [(raw, row) for row, raw in enumerate(content) if raw is not None]


def _object(pairs: list[tuple[str, Any]], shown: str) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        _refuse(f"the key {_q(repeated)} comes twice", shown)
    return content


def _table_pairs(path: Path, kind: str, shown: str) -> dict[str, _Pairs]:
    with tempfile.TemporaryDirectory(prefix="recaudit-") as scratch:
        workspace = Workspace(Path(scratch))
        try:
            table = workspace.open(path, TableSpec(path.name))
            if len(table.names) == 2 and table.names[1].strip().isdecimal():
                # No header line: the first line is an id and its row.
                table = workspace.open(path, TableSpec(path.name, names=_COLUMNS, delimiter=table.delimiter))
            return _scanned_pairs(workspace, table, kind, shown)
        finally:
            workspace.close()


def _scanned_pairs(workspace: Workspace, table: Table, kind: str, shown: str) -> dict[str, _Pairs]:
    by_name = {column.name.strip().lower(): column for column in table.columns}
    if not {"row", "raw_id"} <= by_name.keys():
        raise InputRefused(
            f"{shown}: needs the columns row and raw_id, has {shown_names(table.names)}",
            fix=f"give an id map: {_FORMS}",
        )
    raw, row = by_name["raw_id"].sql, _row_sql(by_name["row"])
    which = f"CAST({by_name['kind'].sql} AS VARCHAR)" if "kind" in by_name else f"'{kind}'"
    try:
        found = workspace.db.execute(
            f"SELECT {which}, CAST({raw} AS VARCHAR), {row} FROM {table.scan()}"
        ).fetchall()
    except duckdb.Error as error:
        raise refusal(error, shown) from error
    pairs: dict[str, _Pairs] = {}
    for name, raw_id, number in found:
        if name not in KINDS:
            _refuse(f"the kind of row {_q(number)} is {_q(name)}, neither user nor item", shown)
        pairs.setdefault(name, []).append((raw_id, number))
    return pairs


def _row_sql(column: Column) -> str:
    """Whole numbers as they are; anything else as text, to be judged and shown as written."""
    return column.sql if "INT" in column.type else f"CAST({column.sql} AS VARCHAR)"


def _q(value: Any) -> str:
    return "null" if value is None else printable(value, 60)


def _refuse(what: str, shown: str) -> NoReturn:
    raise InputRefused(
        f"{shown}: {what}", fix="mend the id map: each raw id has one row, each row one id, from 0 up"
    )
