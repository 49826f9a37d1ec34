"""Lists of a diff: how alike, which items moved, whose changed most."""

from __future__ import annotations

from collections.abc import Iterator

from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.by_user import LIST_LENGTH
from recaudit.analyses.diff.lists import Item, ItemShift, ListDiff, Shift, UserLists
from recaudit.metrics.intervals import Estimate
from recaudit.report import charts, layout
from recaudit.report.charts import Chart
from recaudit.report.charts.bars import Bar, bars
from recaudit.report.diff.chapter import Chapter, chance, change, on, table
from recaudit.report.layout import Figure
from recaudit.report.model import Exhibit, TableSection
from recaudit.text import printable

TITLE = 48


def chapter(diff: Diff) -> Chapter:
    """Agreement, popularity, items, users."""
    name, title = "lists", "Lists"
    if diff.lists is None:
        return Chapter(name, title, "", [], diff.missing["lists"])
    found = diff.lists
    about = (
        f"The first {LIST_LENGTH} places of {found.users:,} users with a list on both sides "
        f"(of {found.of_a:,} and {found.of_b:,}); {found.same:,} lists are the same, place by place."
    )
    sql = _sql(diff)
    exhibits = [
        _agreement(found, sql),
        _shifts(
            found.bands,
            "diff_bands",
            "Places by popularity",
            "Head and tail hold a fifth of A's training interactions each. Points with the interval paired over users.",
            "band",
            sql,
        ),
        _shifts(
            found.concepts,
            "diff_places_by_genre",
            "Places by genre",
            "Most changed first; an item of several genres counts in each.",
            "genre",
            sql,
        ),
        Exhibit(_items(found.gained, "gained", sql)),
        Exhibit(_items(found.lost, "lost", sql)),
        *(Exhibit(_user(one, diff)) for one in found.most_changed),
    ]
    return Chapter(name, title, about, [one for one in exhibits if one.table.rows])


def _sql(diff: Diff) -> str:
    model = diff.b.model
    return on(
        diff.b,
        "SELECT * FROM recommendations WHERE sae_id IS NULL AND "
        f"model_id = {model.model_id} AND protocol = '{model.protocol}' ORDER BY case_id, rank",
    )


def _agreement(found: ListDiff, sql: str) -> Exhibit:
    rows: list[list[object]] = [
        ["overlap@10", _three(found.overlap), found.by_chance],
        ["RBO@10", _three(found.rbo), None],
    ]
    for common, count in enumerate(found.counts):
        rows.append([f"{common} items in common", f"{count / found.users:.1%} of users", None])
    drawn = bars(
        [Bar(str(common), n, f"{common} in common: {n:,} users") for common, n in enumerate(found.counts)],
        x_title="items in common of ten",
        y_title="users",
    )
    caption = (
        "Overlap is the share of places in common, RBO weighs the first places most; 1 is the same list. Two different "
        "users: a user's list in A beside another user's in B, what popular items alone give."
    )
    made = table(
        "diff_agreement",
        "How alike lists are",
        caption,
        ["measure", "mean", "two different users"],
        rows,
        sql=sql,
    )
    return Exhibit(made, drawn)


def _three(one: Estimate) -> Figure:
    return layout.estimate(one.value, one.low, one.high)


def _shifts(shifts: tuple[Shift, ...], name: str, title: str, caption: str, of: str, sql: str) -> Exhibit:
    rows = [
        [
            one.name,
            one.items,
            _percent(one.share_a),
            _percent(one.share_b),
            _points(one.change),
            chance(one.q),
        ]
        for one in shifts
    ]
    drawn: Chart | None = None
    if shifts:
        drawn = charts.forest(
            [
                charts.Row(
                    one.name, one.change.value, one.change.low, one.change.high,
                    f"{one.name}: {one.share_a:.1%} to {one.share_b:.1%} of places",
                )
                for one in shifts
            ],
            x_title="change of the share of places", reference=0.0, percent=True,
        )  # fmt: skip
    made = table(
        name, title, caption, [of, "items", "places in A", "places in B", "points", "q"], rows, sql=sql
    )
    return Exhibit(made, drawn)


def _items(shifts: tuple[ItemShift, ...], verb: str, sql: str) -> TableSection:
    rows = [
        [_title(one.item), one.places_a, one.places_b, one.places_b - one.places_a, one.train_count]
        for one in shifts
    ]
    columns = ["item", "places in A", "places in B", "change", "training interactions"]
    return table(f"diff_items_{verb}", f"Items that {verb} most places", "", columns, rows, sql=sql)


def _user(one: UserLists, diff: Diff) -> TableSection:
    caption = f"RBO {layout.short(one.rbo)}, {round(one.overlap * LIST_LENGTH)} in common. An arrow leads to the place in the other list."
    if one.ndcg_a is not None and one.ndcg_b is not None:
        caption += f" NDCG@10 {layout.number(one.ndcg_a)} in A, {layout.number(one.ndcg_b)} in B."
    rows = [
        [place, *cells]
        for place, cells in enumerate(zip(_marked(one.a, one.b), _marked(one.b, one.a), strict=True), 1)
    ]
    raw = one.user.replace("'", "''")
    sql = on(
        diff.b,
        "SELECT rank, i.raw_id, title, score FROM recommendations r JOIN cases c USING (model_id, case_id) "
        f"JOIN users u ON u.dataset_id = {diff.b.model.dataset_id} AND u.user_id = c.user_id "
        f"JOIN items i ON i.dataset_id = u.dataset_id AND i.item_id = r.item_id WHERE r.model_id = {diff.b.model.model_id} "
        f"AND sae_id IS NULL AND protocol = '{diff.b.model.protocol}' AND u.raw_id = '{raw}' ORDER BY case_id, rank",
    )
    return table(
        f"diff_user_{one.user}",
        f"User {printable(one.user, 40)}: both lists",
        caption,
        ["rank", "A", "B"],
        rows,
        sql=sql,
    )


def _marked(own: tuple[Item, ...], other: tuple[Item, ...]) -> Iterator[str]:
    """Titles, each with its place in the other list where it is in both; as many as the longest list has."""
    places = {item.raw_id: place for place, item in enumerate(other, 1)}
    for place in range(max(len(own), len(other))):
        if place >= len(own):
            yield ""
            continue
        item = own[place]
        arrow = f" → {places[item.raw_id]}" if item.raw_id in places else ""
        yield f"{_title(item)}{arrow}"


def _title(item: Item) -> str:
    return printable(item.raw_id if item.title is None else item.title, TITLE)


def _percent(share: float) -> Figure:
    return Figure(f"{share:.1%}")


def _points(one: Estimate) -> Figure:
    return change(100 * one.value, 100 * one.low, 100 * one.high, "{:+.1f}".format)
