"""Every layout becomes the same staged tables: ``interactions``, ``items``, ``users``, ``taggings``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recaudit.datasets.columns import bare, find_column, need_column, shown_names
from recaudit.datasets.layouts import Layout
from recaudit.datasets.options import ReadOptions
from recaudit.datasets.source import DataFolder
from recaudit.datasets.tables import Column, Loaded, Table, TableSpec
from recaudit.datasets.types import DataNote, SourceFile
from recaudit.datasets.workspace import Workspace
from recaudit.errors import UsageError
from recaudit.text import printable

_NUMERIC = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "FLOAT",
    "DOUBLE",
)
_TABLES = """
CREATE TABLE interactions (user_id VARCHAR, item_id VARCHAR, rating FLOAT, bad_rating BOOLEAN, time BIGINT,
    bad_time BOOLEAN, place DOUBLE, split VARCHAR);
CREATE TABLE items (raw_id VARCHAR, title VARCHAR, year VARCHAR, genres VARCHAR[], tags VARCHAR[],
    category VARCHAR[]);
CREATE TABLE taggings (item_id VARCHAR, tag VARCHAR);
"""


@dataclass
class Staged:
    """What the staged tables hold, and where their rows came from."""

    interactions: Loaded
    items: Loaded
    users: Loaded
    tags: Loaded
    roles: set[str]
    """Roles that some column of the interactions plays."""
    item_roles: set[str]
    """Likewise of the items."""
    attributes: list[str]
    """User attributes; column ``a0``, ``a1``, … of the staged users."""
    has_items: bool
    has_users: bool
    sources: list[SourceFile]

    def notes(self) -> list[DataNote]:
        """All notes so far, table by table."""
        return [
            note for part in (self.interactions, self.items, self.users, self.tags) for note in part.notes
        ]


def stage(workspace: Workspace, folder: DataFolder, layout: Layout, options: ReadOptions) -> Staged:
    """Load every file of the layout.

    Raises:
        InputRefused: a file is damaged or lacks a column.
        UsageError: a named column is not there.
    """
    workspace.db.execute(_TABLES)
    files, layout = _with_named_files(folder, layout, options)
    chosen = options.column_of()
    staged = Staged(Loaded(), Loaded(), Loaded(), Loaded(), set(), set(), [], False, False, [])

    def opened(spec: TableSpec) -> Table:
        found = workspace.open(files.files[spec.file], spec)
        staged.sources.append(found.source)
        return found

    for spec in layout.interactions:
        _stage_interactions(workspace, opened(spec), spec, chosen, options.split_column, staged)
    if layout.items is not None:
        staged.has_items = True
        staged.item_roles = _stage_items(workspace, opened(layout.items), layout.items, chosen, staged.items)
        # Where the items list their tags, a tagging file says the same once more.
        if layout.tags is not None and "tags" not in staged.item_roles:
            _stage_tags(workspace, opened(layout.tags), chosen, staged.tags)
    if layout.users is not None:
        staged.has_users = True
        staged.attributes = _stage_users(workspace, opened(layout.users), chosen, staged.users)
    return staged


def _with_named_files(folder: DataFolder, layout: Layout, options: ReadOptions) -> tuple[DataFolder, Layout]:
    files = dict(folder.files)
    tables: dict[str, TableSpec] = {}
    for role, path in (("items", options.items), ("users", options.users)):
        if path is None:
            continue
        if not path.is_file():
            raise UsageError(f"{printable(path)}: no such file", fix=f"give the table of {role}")
        name = path.name if path.name not in files else str(path)
        files[name] = path
        tables[role] = TableSpec(name)
    first = layout.interactions[0]
    if options.column_names or options.delimiter:
        first = replace(
            first,
            names=options.column_names or first.names,
            delimiter=options.delimiter or first.delimiter,
        )
    layout = replace(
        layout,
        interactions=(first, *layout.interactions[1:]),
        items=tables.get("items", layout.items),
        users=tables.get("users", layout.users),
    )
    return DataFolder(folder.name, files), layout


def _stage_interactions(
    workspace: Workspace,
    table: Table,
    spec: TableSpec,
    chosen: Mapping[str, str],
    split_column: str | None,
    staged: Staged,
) -> None:
    shown = printable(table.name, 120)
    user = table.columns[need_column("user", table.names, chosen, file=shown)]
    item = table.columns[need_column("item", table.names, chosen, file=shown)]
    select = {"user_id": _text(user), "item_id": _text(item)}
    if (rating := _column(table, "rating", chosen)) is not None:
        number = f"TRY_CAST({rating.sql} AS FLOAT)"
        usable = f"coalesce(isfinite({number}), false)"
        select["rating"] = f"CASE WHEN {usable} THEN {number} END"
        select["bad_rating"] = f"{rating.sql} IS NOT NULL AND NOT {usable}"
        staged.roles.add("rating")
    if (time := _column(table, "timestamp", chosen)) is not None:
        seconds = _seconds(time)
        select["time"] = seconds
        select["bad_time"] = f"{time.sql} IS NOT NULL AND {seconds} IS NULL"
        staged.roles.add("timestamp")
    if (order := _column(table, "order", chosen)) is not None:
        place = f"TRY_CAST({order.sql} AS DOUBLE)"
        select["place"] = f"CASE WHEN isfinite({place}) THEN {place} END"
        staged.roles.add("order")
    if spec.split is not None and split_column is None:
        select["split"] = f"'{spec.split}'"
        staged.roles.add("split")
    elif (split := _split_column(table, split_column, chosen, shown)) is not None:
        select["split"] = _text(split)
        staged.roles.add("split")
    workspace.load(table, "interactions", select, staged.interactions)


def _split_column(table: Table, asked: str | None, chosen: Mapping[str, str], shown: str) -> Column | None:
    if asked is None:
        return _column(table, "split", chosen)
    found = next((column for column in table.columns if asked in (column.name, bare(column.name))), None)
    if found is None:
        raise UsageError(
            f"{shown}: no column {printable(asked, 60)} to take the split from",
            fix=f"choose one of: {shown_names(table.names)}",
        )
    return found


def _stage_items(
    workspace: Workspace, table: Table, spec: TableSpec, chosen: Mapping[str, str], loaded: Loaded
) -> set[str]:
    item = table.columns[need_column("item", table.names, chosen, file=printable(table.name, 120))]
    select = {"raw_id": _text(item)}
    for role in ("title", "year"):
        if (column := _column(table, role, chosen)) is not None:
            select[role] = _text(column)
    for role in ("genres", "tags", "category"):
        if (column := _column(table, role, chosen)) is not None:
            select[role] = _entries(column, spec.list_separator)
    if spec.flags:
        select["genres"] = _flagged(table, spec.flags)
    workspace.load(table, "items", select, loaded)
    return set(select)


def _stage_tags(workspace: Workspace, table: Table, chosen: Mapping[str, str], loaded: Loaded) -> None:
    shown = printable(table.name, 120)
    item = table.columns[need_column("item", table.names, chosen, file=shown)]
    tag = table.columns[need_column("tag", table.names, chosen, file=shown)]
    workspace.load(table, "taggings", {"item_id": _text(item), "tag": _text(tag)}, loaded)


def _stage_users(workspace: Workspace, table: Table, chosen: Mapping[str, str], loaded: Loaded) -> list[str]:
    user = need_column("user", table.names, chosen, file=printable(table.name, 120))
    others = [column for place, column in enumerate(table.columns) if place != user]
    columns = "".join(f", a{place} VARCHAR" for place in range(len(others)))
    workspace.db.execute(f"CREATE TABLE users (raw_id VARCHAR{columns})")
    select = {f"a{place}": _text(column) for place, column in enumerate(others)}
    workspace.load(table, "users", {"raw_id": _text(table.columns[user]), **select}, loaded)
    return [bare(column.name) for column in others]


def _column(table: Table, role: str, chosen: Mapping[str, str]) -> Column | None:
    place = find_column(role, table.names, chosen, file=printable(table.name, 120))
    return None if place is None else table.columns[place]


def _text(column: Column) -> str:
    return f"CAST({column.sql} AS VARCHAR)"


def _seconds(column: Column) -> str:
    """Unix time from a number, a text with a number, or a date."""
    if column.type in _NUMERIC:
        return f"TRY_CAST({column.sql} AS BIGINT)"
    text = _text(column)
    date = f"CAST(floor(epoch(TRY_CAST({text} AS TIMESTAMP))) AS BIGINT)"
    return f"coalesce(TRY_CAST({text} AS BIGINT), {date})"


def _flagged(table: Table, flags: tuple[str, ...]) -> str:
    """Names of the columns that hold a 1; layouts write them, files do not."""
    cases = [
        "CASE WHEN {} = '1' THEN '{}' END".format(column.sql, column.name.replace("'", "''"))
        for column in table.columns
        if column.name in flags
    ]
    return f"string_split(concat_ws('|', {', '.join(cases)}), '|')"


def _entries(column: Column, separator: str) -> str:
    if column.type.endswith("]"):
        return f"CAST({column.sql} AS VARCHAR[])"
    return f"string_split({_text(column)}, '{separator}')"
