"""Rankings side by side."""

from __future__ import annotations

import json

from recaudit.metrics.catalogue import BY_NAME
from recaudit.report import charts, layout
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection
from recaudit.store import views

_ROLES = {"original": "s1", "reconstructed": "s4", "popularity": "s2"}


def draw(context: Context) -> list[Exhibit]:
    """Every ranking metric with its interval, of the model, of the reconstruction and of plain popularity."""
    frame = views.metrics(context.audit, context.model, context.model.protocol, context.sae)
    frame = frame[frame["metric"].str.startswith("ranking.")]
    found = {
        (row["metric"], json.loads(row["slice"])["ranking"]): row
        for row in frame.to_dict("records")
        if "ranking" in json.loads(row["slice"])
    }
    shown = [name for name in layout.RANKINGS if any(ranking == name for _, ranking in found)]
    metrics = [name for name in BY_NAME if any(metric == name for metric, _ in found)]
    rows, points = [], []
    for metric in metrics:
        title = BY_NAME[metric].title
        cells = []
        for ranking in shown:
            row = found.get((metric, ranking))
            written = "–" if row is None else _written(row["value"], row["low"], row["high"])
            cells.append(layout.Figure(written))
            if row is not None:
                said = f"{title}, {ranking}: {written}, n = {row['n']:,}"
                points.append(charts.Row(title, row["value"], row["low"], row["high"], said, ranking))
        rows.append([title, *cells])
    users = ", ".join(f"{n:,}" for n in sorted({int(row["n"]) for row in found.values()}))
    table = TableSection(
        "ranking_metrics",
        "Ranking of held-out items",
        f"n = {users} users; 95 % intervals by bootstrap over users. Blue should lie right of amber, or the model says no "
        "more than plain popularity; teal left of blue is what the dictionary loses.",
        ["metric", *shown],
        rows,
        f"SELECT * FROM metrics WHERE model_id = {context.model.model_id} AND metric LIKE 'ranking.%' ORDER BY metric, slice",
        len(rows),
    )
    if not rows:
        return []
    roles = {name: _ROLES[name] for name in shown}
    return [Exhibit(table, charts.forest(points, x_title="value", series=roles))]


def _written(value: float, low: float | None, high: float | None) -> str:
    if low is None or low != low:
        return f"{value:.4f}"
    return f"{value:.4f} [{low:.4f}, {high:.4f}]"
