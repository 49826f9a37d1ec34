"""Groups served, concepts exposed, and latents that go with either."""

from __future__ import annotations

import json

from recaudit.report import bias, charts, layout
from recaudit.report.context import Context
from recaudit.report.model import Exhibit, TableSection, plain, section
from recaudit.store import popularity as store

ROWS = 30


def draw(context: Context) -> list[Exhibit]:
    """NDCG by group, exposure, latents; none where nothing is stored."""
    tables = {table.name: table for table in bias.sections(context.audit, context.model, context.sae)}
    if not tables:
        return []
    drawn = {"exposure": _exposure, "bias_latents": _latents}
    return [*_served(context), *(make(tables[name]) for name, make in drawn.items() if name in tables)]


def lacks(context: Context) -> str | None:
    """User groups, where none has enough users to be compared."""
    if not store.is_audited(context.audit, context.model) or _served(context):
        return None
    return (
        "ranking by user group: the data has no groups with enough held-out items; name data that has user attributes "
        "with `recaudit bias --groups PATH`"
    )


def _served(context: Context) -> list[Exhibit]:
    frame = store.numbers(context.audit, context.model)
    frame = frame[frame["metric"] == "fairness.ndcg@10"]
    slices = [json.loads(text) for text in frame["slice"]]
    frame = frame.assign(
        group=[one.get("group") for one in slices], ranking=[one.get("ranking", "original") for one in slices]
    )
    frame = frame[frame["group"].notna() & (frame["ranking"] == "original")]
    if frame.empty:
        return []
    shown = frame[["group", "value", "low", "high", "n"]].rename(columns={"n": "users"})
    table = section(
        "served",
        "How well each group is ranked for",
        "NDCG@10 of held-out items by group of users, with 95 % intervals. Groups whose intervals lie apart are served "
        "differently; a wide interval is a small group.",
        shown,
        f"SELECT * FROM metrics WHERE model_id = {context.model.model_id} AND metric = 'fairness.ndcg@10' ORDER BY slice",
        len(shown),
    )
    points = [
        charts.Row(
            _value(row["group"]),
            row["value"],
            plain(row["low"]),
            plain(row["high"]),
            f"{row['group']}: {layout.number(row['value'])} [{layout.number(plain(row['low']))}, "
            f"{layout.number(plain(row['high']))}], {row['users']:,} users",
            panel=_attribute(row["group"]),
        )
        for row in shown.to_dict("records")
    ]
    return [Exhibit(table, charts.forest(points, x_title="NDCG@10"))]


def _attribute(group: str) -> str:
    return group.partition("=")[0]


def _value(group: str) -> str:
    return group.partition("=")[2] or group


def _exposure(table: TableSection) -> Exhibit:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows][:ROWS]
    points = [
        charts.Row(
            str(row["concept"]),
            row["share"],
            row["low"],
            row["high"],
            f"{row['concept']}: {row['share']:.1%} of list places, {_percent(row['profile_share'])} of profiles, "
            f"{_percent(row['catalogue_share'])} of the catalogue",
            "",
            row["profile_share"],
            str(row["kind"]),
        )
        for row in rows
    ]
    chart = charts.forest(
        points, x_title="share of list places", control="share of users' profiles", percent=True
    )
    return Exhibit(table, chart)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _latents(table: TableSection) -> Exhibit:
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows][:ROWS]
    points = [
        charts.Row(
            f"{row['latent']} {row['name']}".strip(),
            row["value"],
            row["low"],
            row["high"],
            f"Latent {row['latent']}{', ' + row['name'] if row['name'] else ''}: {row['statistic']} "
            f"{layout.estimate(row['value'], row['low'], row['high'])} with {row['contrast']}, q {layout.number(row['q'])}",
            panel=f"{row['contrast']} ({row['statistic']})",
        )
        for row in rows
    ]
    return Exhibit(
        table, charts.forest(points, x_title="strength, of the statistic in brackets", reference=0.0)
    )
