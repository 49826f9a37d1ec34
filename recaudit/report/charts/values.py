"""Data frames as the values of a specification."""

from __future__ import annotations

from typing import Any

import pandas as pd

from recaudit.report.model import plain


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries of JSON's own types; a missing value is None."""
    return [{str(key): plain(value) for key, value in row.items()} for row in frame.to_dict("records")]
