"""Which column of a table plays which role."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from recaudit.errors import InputRefused, UsageError
from recaudit.text import printable

ROLES: dict[str, tuple[str, ...]] = {
    "user": ("user_id", "userid", "user", "uid"),
    "item": ("item_id", "itemid", "item", "iid", "movie_id", "movieid", "artist_id", "product_id"),
    "rating": ("rating", "weight", "score"),
    "timestamp": ("timestamp", "time", "ts", "datetime", "date"),
    "order": ("seq_pos", "order", "position"),
    "split": ("split",),
    "title": ("title", "movie_title", "name", "item_name"),
    "year": ("year", "release_year"),
    "genres": ("genres", "genre", "class"),
    "tags": ("tags",),
    "tag": ("tag", "tag_value"),
    "category": ("category", "categories", "i_category"),
}
"""Role to the column names that are understood unasked, best first, compared without case."""

_RECBOLE_TYPE = re.compile(r":(token|token_seq|float|float_seq)$")


def bare(name: str) -> str:
    """A column name without surrounding blanks and RecBole's type suffix."""
    return _RECBOLE_TYPE.sub("", name.strip())


def find_column(role: str, names: Sequence[str], chosen: Mapping[str, str], *, file: str) -> int | None:
    """Place of the column that plays ``role`` among ``names``, None where there is none.

    Raises:
        UsageError: the user named a column that is not there.
        InputRefused: two columns have the name.
    """
    if role in chosen:
        wanted: tuple[str, ...] = (chosen[role],)
        found = [i for i, name in enumerate(names) if chosen[role] in (name, bare(name))]
        if not found:
            raise UsageError(
                f"{file}: no column {printable(chosen[role], 60)} (asked for as {role})",
                fix=f"choose one of: {shown_names(names)}",
            )
    else:
        wanted = ROLES[role]
        lowered = [bare(name).lower() for name in names]
        best = next((alias for alias in wanted if alias in lowered), None)
        found = [i for i, name in enumerate(lowered) if name == best]
    if len(found) > 1:
        raise InputRefused(
            f"{file}: {len(found)} columns are called {printable(bare(names[found[0]]), 60)}",
            fix="rename one of them in the file",
        )
    return found[0] if found else None


def need_column(role: str, names: Sequence[str], chosen: Mapping[str, str], *, file: str) -> int:
    """As ``find_column``, but the role must be played.

    Raises:
        InputRefused: no column plays it.
    """
    place = find_column(role, names, chosen, file=file)
    if place is None:
        raise InputRefused(
            f"{file}: no {role} column; looked for {', '.join(ROLES[role])} among {shown_names(names)}",
            fix=f"name the column, for example --column {role}=NAME",
        )
    return place


def shown_names(names: Sequence[str], most: int = 12) -> str:
    """Column names for a message, cut to the first few."""
    shown = ", ".join(printable(bare(name), 40) or "(no name)" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
