"""Which of the known layouts a folder has: one function a layout, None where it is not that one."""

from __future__ import annotations

from collections.abc import Callable

from recaudit.datasets.layouts.base import Layout
from recaudit.datasets.layouts.movielens import movielens_1m, movielens_100k, movielens_csv
from recaudit.datasets.layouts.plain import plain, table
from recaudit.datasets.layouts.recbole import recbole
from recaudit.datasets.layouts.rechorus import rechorus
from recaudit.datasets.source import DataFolder
from recaudit.errors import InputRefused
from recaudit.text import printable

LAYOUTS: dict[str, Callable[[DataFolder], Layout | None]] = {
    "movielens-1m": movielens_1m,
    "movielens-100k": movielens_100k,
    "movielens-csv": movielens_csv,
    "recbole": recbole,
    "rechorus": rechorus,
    "plain": plain,
    "table": table,
}
"""In the order they are tried."""

__all__ = ["LAYOUTS", "Layout", "recognise"]


def recognise(folder: DataFolder, wanted: str | None = None) -> Layout:
    """The layout of ``folder``, or ``wanted`` if its files are there.

    Raises:
        InputRefused: no layout fits.
    """
    tried = LAYOUTS if wanted is None else {wanted: LAYOUTS[wanted]}
    layout = next((found for try_layout in tried.values() if (found := try_layout(folder))), None)
    if layout is None:
        what = "no known layout" if wanted is None else f"not laid out as {wanted}"
        raise InputRefused(
            f"{printable(folder.name, 60)}: {what}; it holds {folder.shown()}",
            fix="give a MovieLens, RecBole or ReChorus folder, one with interactions.csv or .parquet, "
            "or the one table that holds the interactions",
        )
    return layout
