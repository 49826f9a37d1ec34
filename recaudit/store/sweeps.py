"""Numbers of dictionaries that a sweep tried: SQL on ``sweep_points``."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from recaudit.store.audit import Audit
from recaudit.store.read import Model, Sae
from recaudit.store.write import Run


def known_points(audit: Audit, model: Model) -> set[str]:
    """Dictionaries that have been measured."""
    rows = audit.rows("SELECT DISTINCT point FROM sweep_points WHERE model_id = ?", [model.model_id])
    return {str(point) for (point,) in rows}


def keep_point(
    audit: Audit, model: Model, sae: Sae, point: str, settings: dict[str, Any], seconds: float, run: Run
) -> None:
    """Copy the stored numbers of a dictionary into a point, with the seconds its training took."""
    said = json.dumps(settings, sort_keys=True)
    audit.connection.execute(
        "INSERT INTO sweep_points SELECT model_id, ?, ?, metric, slice, value, low, high, n, protocol, ? "
        "FROM metrics WHERE sae_id = ?",
        [point, said, run.run_id, sae.sae_id],
    )
    audit.connection.execute(
        "INSERT INTO sweep_points VALUES (?, ?, ?, 'training.seconds', '{}', ?, NULL, NULL, 1, '', ?)",
        [model.model_id, point, said, seconds, run.run_id],
    )


def points(audit: Audit, model: Model) -> pd.DataFrame:
    """Every number of every point: ``point, settings, metric, slice, value, low, high, n, protocol``."""
    return audit.frame(
        "SELECT point, settings, metric, slice, value, low, high, n, protocol FROM sweep_points "
        "WHERE model_id = ? ORDER BY ALL",
        [model.model_id],
    )
