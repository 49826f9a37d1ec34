"""Numbers of a diff."""

from __future__ import annotations

from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.changes import Basis
from recaudit.analyses.diff.metrics import Direction, MetricChange
from recaudit.metrics.catalogue import BY_NAME
from recaudit.report import charts, layout
from recaudit.report.charts import Chart
from recaudit.report.diff.chapter import Chapter, chance, change, on, signed, table
from recaudit.report.model import Exhibit, TableSection

ROWS = 40
# No break inside: a mark without its word is a riddle.
_MARKS = {
    Direction.BETTER: "▲\u00a0better",
    Direction.WORSE: "▼\u00a0worse",
    Direction.HIGHER: "↑\u00a0higher",
    Direction.LOWER: "↓\u00a0lower",
    Direction.SAME: "=\u00a0same",
    Direction.UNDECIDED: "?\u00a0unclear",
    Direction.UNTESTED: "–\u00a0untested",
}
_BASES = {
    Basis.PAIRED: "same\u00a0users",
    Basis.UNPAIRED: "own\u00a0users",
    Basis.INTERVALS: "stored",
    Basis.NONE: "none",
}
_STILL = (Direction.SAME, Direction.UNDECIDED, Direction.UNTESTED)
_SLICES = {"ranking", "cases", "group", "attribute", "labeller"}
"""Parts of slices that say something of a model by itself. Concepts have a chapter of their own; controls, kinds and
variants are in the JSON."""
_ORDER = {name: place for place, name in enumerate(BY_NAME)}


def chapter(diff: Diff) -> Chapter:
    """The ranking, whether or not it moved, and every other number that did."""
    about = (
        "B less A with its 95 % interval. A number moved where q is at most 5 %, corrected for being one of many; what is "
        "unclear may be noise. "
        + (
            "The same users are drawn on both sides: paired."
            if diff.paired
            else "Users are not the same: unpaired."
        )
    )
    missing = diff.missing.get("metrics") or diff.missing.get("ranking")
    exhibits = [_ranking(diff), _others(diff)]
    return Chapter("metrics", "Numbers", about, [one for one in exhibits if one.table.rows], missing)


def _ranking(diff: Diff) -> Exhibit:
    shown = _ordered([one for one in diff.metrics if _is_ranking(one)])
    made = _table(diff, "diff_ranking", "Ranking", "", [(_title(one), one) for one in shown], len(shown))
    return Exhibit(made, _chart(shown) if shown else None)


def _others(diff: Diff) -> Exhibit:
    relevant = [one for one in diff.metrics if not _is_ranking(one) and _is_own(one)]
    moved = _ordered([one for one in relevant if one.direction not in _STILL])
    caption = (
        f"{len(relevant) - len(moved):,} more did not, or have no interval: `--format json` has them all."
    )
    shown = [(_sliced(one), one) for one in moved[:ROWS]]
    return Exhibit(_table(diff, "diff_numbers", "What else moved", caption, shown, len(moved)))


def _is_ranking(one: MetricChange) -> bool:
    return one.a.metric.startswith("ranking.") and one.a.slice == {"ranking": "original"}


def _is_own(one: MetricChange) -> bool:
    """Of the models themselves: plain popularity ranks alike whatever the model."""
    return set(one.a.slice) <= _SLICES and one.a.slice.get("ranking") != "popularity"


def _ordered(changes: list[MetricChange]) -> list[MetricChange]:
    return sorted(changes, key=lambda one: _ORDER.get(one.a.metric, len(_ORDER)))


def _title(one: MetricChange) -> str:
    return layout.titled(one.a.metric, {})


def _sliced(one: MetricChange) -> str:
    """With its slice, and the rule where numbers of several have one name."""
    title = layout.titled(
        one.a.metric, {key: value for key, value in one.a.slice.items() if key != "labeller"}
    )
    return f"{title}, {one.a.protocol}" if one.a.protocol.startswith("concepts by ") else title


def _table(
    diff: Diff, name: str, title: str, caption: str, shown: list[tuple[str, MetricChange]], of: int
) -> TableSection:
    rows = [
        [
            said,
            _MARKS[one.direction],
            one.a.value,
            one.b.value,
            change(one.change.value, one.change.low, one.change.high),
            chance(one.q),
            one.change.n,
            _BASES[one.change.basis],
        ]
        for said, one in shown
    ]
    columns = ["number", "B is", "A", "B", "change", "q", "n", "interval"]
    sql = on(
        diff.b,
        f"SELECT * FROM metrics WHERE model_id = {diff.b.model.model_id} ORDER BY metric, slice",
    )
    return table(name, title, caption, columns, rows, of=of, sql=sql)


def _chart(shown: list[MetricChange]) -> Chart:
    rows = [
        charts.Row(
            _title(one),
            one.change.value,
            one.change.low,
            one.change.high,
            f"{_title(one)}: {layout.number(one.a.value)} to {layout.number(one.b.value)}, {signed(one.change.value)}",
        )
        for one in shown
    ]
    return charts.forest(rows, x_title="B less A", reference=0.0)
