"""Pages of lists, written out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recaudit.report.layout import number
from recaudit.store import Audit, browse, listings
from recaudit.store.browse import Field, Query, Term, View
from recaudit.text import printable
from recaudit.tui.blocks import Column
from recaudit.tui.filtering import Condition, parse
from recaudit.tui.host import Subject

VIEWS: dict[str, View] = {
    view.name: view
    for view in (listings.LATENTS, listings.USERS, listings.ITEMS, listings.CONCEPTS, listings.BIAS)
}
OF_SAE = {"latents", "latent_bias"}
"""Views that show nothing without a dictionary."""
TEXT_CELLS = 34
IDS = {"latent", "user", "item", "year"}
"""Columns that are names or dates, though they may be numbers: never with a separator of thousands."""


@dataclass(frozen=True)
class Wanted:
    """Which page of a list. ``at`` asks for the page that holds this key instead of ``offset``."""

    view: str
    filter: str = ""
    order: str | None = None
    descending: bool | None = None
    offset: int = 0
    size: int = 100
    at: Any = None


@dataclass(frozen=True)
class Listed:
    """A page with its cells written, and what the list can be asked."""

    wanted: Wanted
    columns: tuple[Column, ...]
    cells: list[tuple[str, ...]]
    rows: list[tuple[Any, ...]]
    keys: list[Any]
    offset: int
    matched: int
    total: int
    cursor: int
    order: str
    descending: bool
    fields: tuple[tuple[str, str, str], ...]
    """Name, kind and meaning of everything a filter may ask for."""
    sql: str


def listed(audit: Audit, subject: Subject, wanted: Wanted) -> Listed:
    """One page of a list.

    Raises:
        FilterError: the filter cannot be read.
    """
    view = VIEWS[wanted.view]
    query = _query(view, wanted)
    parameters = listings.parameters(view, subject.model, subject.sae)
    cursor = 0
    if wanted.at is not None:
        place = browse.place_of(audit, view, parameters, query, wanted.at)
        if place is not None:
            cursor = place % wanted.size
            query = Query(query.terms, query.order, query.descending, query.limit, place - cursor)
    if wanted.view in OF_SAE and subject.sae is None:
        found = browse.Page([], [], 0, 0, 0)
    else:
        found = browse.page(audit, view, parameters, query)
    order = view.field(wanted.order or view.order)
    return Listed(
        wanted,
        tuple(Column(field.name, field.kind != "text") for field in view.columns),
        [
            tuple(_cell(field, value) for field, value in zip(view.columns, row, strict=True))
            for row in found.rows
        ],
        found.rows,
        found.keys,
        found.offset,
        found.matched,
        found.total,
        min(cursor, max(len(found.rows) - 1, 0)),
        order.name,
        query.descending if query.descending is not None else order.kind != "text",
        tuple((field.name, field.kind, field.about) for field in view.fields),
        browse.readable_sql(view, parameters, query),
    )


def everything(audit: Audit, subject: Subject, wanted: Wanted) -> pd.DataFrame:
    """Every row of a filtered list, for export."""
    view = VIEWS[wanted.view]
    return browse.whole(
        audit, view, listings.parameters(view, subject.model, subject.sae), _query(view, wanted)
    )


def _query(view: View, wanted: Wanted) -> Query:
    conditions = parse(wanted.filter, {field.name: field.kind for field in view.fields}, view.bare)
    return Query(_terms(conditions), wanted.order, wanted.descending, wanted.size, wanted.offset)


def _terms(conditions: Sequence[Condition]) -> tuple[Term, ...]:
    return tuple(Term(one.field, one.operator, one.value, one.negated) for one in conditions)


def _cell(field: Field, value: Any) -> str:
    if value is None:
        return "–"
    if field.kind == "text":
        return printable(value, TEXT_CELLS)
    if field.name in IDS:
        return printable(value)
    if field.kind == "share":
        return f"{value:.1%}" if value < 0.9995 else "100%"
    return number(value)
