"""What a report says, before any drawing. ``docs/report.schema.json`` is generated from these classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class MetricRow:
    """A number with everything it needs to be trusted."""

    metric: str
    slice: dict[str, str]
    value: float
    low: float | None
    """Lower end of the 95 % interval; null where the number has none."""
    high: float | None
    n: int
    unit: str
    """What n counts."""
    better: str
    """``higher``, ``lower`` or ``none``."""
    protocol: str
    seed: int
    sae: str | None


@dataclass(frozen=True)
class FindingRow:
    """A sentence for people."""

    severity: str
    """``serious``, ``warning`` or ``info``."""
    code: str
    sentence: str
    evidence: str
    """SQL on the audit file that lists what the sentence rests on."""


@dataclass(frozen=True)
class TableSection:
    """A table with what to see in it and the SQL behind it."""

    name: str
    title: str
    caption: str
    columns: list[str]
    rows: list[list[Any]]
    sql: str
    shown_of: int
    """Rows there are; fewer may be shown."""


@dataclass(frozen=True)
class Exhibit:
    """A table and, where there is something to see in it, the chart drawn from its rows."""

    table: TableSection
    chart: dict[str, Any] | None = None
    """Vega-Lite, see ``charts``; None or empty where there is nothing to draw."""


@dataclass(frozen=True)
class Report:
    """One model's audit."""

    schema_version: int
    tool_version: str
    run_id: str
    model: dict[str, Any]
    sae: dict[str, Any] | None
    dataset: dict[str, Any]
    protocol: dict[str, str]
    metrics: list[MetricRow]
    findings: list[FindingRow]
    tables: list[TableSection]
    missing: dict[str, str]
    """Section -> why it is not here and what fills it."""


def section(
    name: str, title: str, caption: str, frame: pd.DataFrame, sql: str, shown_of: int
) -> TableSection:
    """A table from a data frame."""
    rows = [[plain(value) for value in row] for row in frame.itertuples(index=False)]
    return TableSection(name, title, caption, [str(c) for c in frame.columns], rows, sql, shown_of)


def plain(value: Any) -> Any:
    """JSON's own types: numpy scalars unwrapped, missing values as None."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        return value if value == value else None
    except TypeError:  # pandas' NA cannot say
        return None
