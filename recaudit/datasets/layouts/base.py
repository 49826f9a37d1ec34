"""What a layout says: which files hold interactions, items, users and tags, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recaudit.datasets.tables import TableSpec


@dataclass(frozen=True)
class Layout:
    """Files of a recognised data set.

    Attributes:
        interactions: read in this order, end to end.
        value_names: user attribute to what its codes stand for.
        ids_are_rows: the ids are rows of the model's tables, not the original ones.
    """

    name: str
    interactions: tuple[TableSpec, ...]
    items: TableSpec | None = None
    users: TableSpec | None = None
    tags: TableSpec | None = None
    value_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ids_are_rows: bool = False
