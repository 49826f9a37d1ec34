"""Lists that people look through: sorted, filtered and cut to a page by the database.

A ``View`` is a query with named fields. ``page`` answers what one screen of it holds; the words of a filter reach
the database as parameters only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from recaudit.store.audit import Audit

Kind = Literal["number", "share", "text", "flag"]
OPERATORS = (">=", "<=", "!=", ">", "<", "=", ":")
"""Between a field and a value; ``:`` asks whether a text holds another."""


@dataclass(frozen=True)
class Field:
    """Something a view's rows have.

    ``kind`` ``share`` is a number from 0 to 1; ``flag`` can be asked for as ``is:NAME`` and is no column.
    """

    name: str
    sql: str
    kind: Kind
    about: str
    shown: bool = True


@dataclass(frozen=True)
class View:
    """``source`` is SQL with ``$`` parameters that gives a row an entity; ``key`` is the field that names it."""

    name: str
    source: str
    key: str
    fields: tuple[Field, ...]
    order: str
    """Field it is sorted by at first, largest first unless it is a text."""
    bare: str
    """Text field that a word without a field looks in."""

    def field(self, name: str) -> Field:
        """The field of that name."""
        return next(field for field in self.fields if field.name == name)

    @property
    def columns(self) -> tuple[Field, ...]:
        """Fields that are shown."""
        return tuple(field for field in self.fields if field.shown and field.kind != "flag")


@dataclass(frozen=True)
class Term:
    """One condition of a filter: ``density > 0.01``. A flag's operator is ``=`` and its value True."""

    field: str
    operator: str
    value: str | float | bool
    negated: bool = False


@dataclass(frozen=True)
class Query:
    """Which rows, in which order, how many. ``limit`` None for all."""

    terms: tuple[Term, ...] = ()
    order: str | None = None
    descending: bool | None = None
    limit: int | None = 200
    offset: int = 0


@dataclass(frozen=True)
class Page:
    """Rows of one page, in the order of the view's columns, behind their key; ``matched`` of ``total`` pass the filter."""

    rows: list[tuple[Any, ...]]
    keys: list[Any]
    offset: int
    matched: int
    total: int


def page(audit: Audit, view: View, parameters: Mapping[str, Any], query: Query) -> Page:
    """One page of a view."""
    where, bound = _where(view, query.terms)
    ((total, matched),) = audit.connection.execute(
        f"SELECT count(*), count(*) FILTER ({where}) FROM ({view.source}) AS v", {**parameters, **bound}
    ).fetchall()
    names = ", ".join(f'{field.sql} AS "{field.name}"' for field in view.columns)
    rows = audit.connection.execute(
        f"SELECT {view.field(view.key).sql} AS _key, {names} FROM ({view.source}) AS v WHERE {where} "
        f"ORDER BY {_order(view, query)} {_cut(query)}",
        {**parameters, **bound},
    ).fetchall()
    return Page([row[1:] for row in rows], [row[0] for row in rows], query.offset, int(matched), int(total))


def place_of(audit: Audit, view: View, parameters: Mapping[str, Any], query: Query, key: Any) -> int | None:
    """Where in the whole sorted and filtered list an entity stands, from 0; None where it does not."""
    where, bound = _where(view, query.terms)
    rows = audit.connection.execute(
        f"SELECT place FROM (SELECT {view.field(view.key).sql} AS _key, row_number() OVER (ORDER BY {_order(view, query)}) - 1 "
        f"AS place FROM ({view.source}) AS v WHERE {where}) WHERE _key = $_wanted",
        {**parameters, **bound, "_wanted": key},
    ).fetchall()
    return int(rows[0][0]) if rows else None


def whole(audit: Audit, view: View, parameters: Mapping[str, Any], query: Query) -> pd.DataFrame:
    """Every row that passes the filter, in order, with the view's column names: for export."""
    where, bound = _where(view, query.terms)
    names = ", ".join(f'{field.sql} AS "{field.name}"' for field in view.columns)
    return audit.connection.execute(
        f"SELECT {names} FROM ({view.source}) AS v WHERE {where} ORDER BY {_order(view, query)}",
        {**parameters, **bound},
    ).df()


def readable_sql(view: View, parameters: Mapping[str, Any], query: Query) -> str:
    """The query of a page as one can paste it: parameters written out."""
    where, bound = _where(view, query.terms)
    names = ", ".join(f'{field.sql} AS "{field.name}"' for field in view.columns)
    sql = (
        f"SELECT {names} FROM ({view.source}) AS v WHERE {where} ORDER BY {_order(view, query)} {_cut(query)}"
    )
    for name, value in sorted({**parameters, **bound}.items(), key=lambda pair: -len(pair[0])):
        sql = sql.replace(f"${name}", _literal(value))
    return " ".join(sql.split())


def _where(view: View, terms: Sequence[Term]) -> tuple[str, dict[str, Any]]:
    parts, bound = ["true"], {}
    for number, term in enumerate(terms):
        name = f"_f{number}"
        bound[name] = term.value
        condition = _condition(view.field(term.field).sql, term.operator, name)
        parts.append(f"NOT coalesce({condition}, false)" if term.negated else f"coalesce({condition}, false)")
    return " AND ".join(parts), bound


def _condition(sql: str, operator: str, parameter: str) -> str:
    if operator == ":":
        return f"contains(lower({sql}::VARCHAR), lower(${parameter}))"
    return f"{sql} {'<>' if operator == '!=' else operator} ${parameter}"


def _order(view: View, query: Query) -> str:
    field = view.field(query.order or view.order)
    descending = query.descending if query.descending is not None else field.kind != "text"
    key = view.field(view.key).sql
    return f"{field.sql} {'DESC' if descending else 'ASC'} NULLS LAST, {key}"


def _cut(query: Query) -> str:
    limit = "" if query.limit is None else f"LIMIT {int(query.limit)} "
    return f"{limit}OFFSET {int(query.offset)}"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    return "NULL" if value is None else str(value)
