"""A data set in one line."""

from __future__ import annotations

import numpy as np

from recaudit.datasets.types import Dataset

_PLURALS = {"genre": "genres", "tag": "tags", "category": "categories"}


def summary(dataset: Dataset) -> str:
    """Counts of everything, and what is missing; for example

    ``6,040 users, 3,706 items (177 more without interactions), 1,000,209 ratings, 18 genres,
    timestamps missing for 48 %``.
    """
    rows = dataset.interactions
    parts = [
        _counted("user", len(dataset.users), rows.user),
        _counted("item", len(dataset.items), rows.item),
        _plural(len(rows), "interaction" if rows.rating is None else "rating"),
    ]
    kinds = dataset.concepts["kind"].value_counts()
    parts += [_plural(int(kinds[k]), k, many) for k, many in _PLURALS.items() if k in kinds]
    if rows.timestamp is None:
        parts.append("no timestamps")
    elif missing := int((rows.timestamp == np.iinfo(np.int64).min).sum()):
        parts.append(f"timestamps missing for {_percent(missing / len(rows))}")
    return ", ".join(parts)


def _counted(kind: str, total: int, used: np.ndarray) -> str:
    n_used = len(np.unique(used))
    more = f" ({total - n_used:,} more without interactions)" if total > n_used else ""
    return _plural(n_used, kind) + more


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %") if share >= 0.01 else "less than 1 %"
