"""The search for the cheapest edit, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from recaudit.errors import NoVerdictError
from recaudit.interventions.keeping import keep_search
from recaudit.interventions.search import Found, Point, searched
from recaudit.interventions.sentences import found_in_words
from recaudit.interventions.steering import Steering
from recaudit.interventions.targets import target_named
from recaudit.report.layout import number
from recaudit.store import Audit, listings, writing
from recaudit.tui import plot
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.write_out import QUIET
from recaudit.tui.host import Subject

HEIGHT = 12
LETTERS = {"latents": "L", "random latents": "r", "projection": "P", "re-ranking": "R"}
"""How the best point of each method is marked in the drawing."""


class Cancelled(Exception):
    """The search is no longer wanted."""


def targets(audit: Audit, subject: Subject) -> list[tuple[str, str]]:
    """What can be searched for without typing: popularity, and each attribute of users with two groups."""
    sizes = [name.partition("=")[0] for name, _ in listings.group_sizes(audit, subject.model.dataset_id)]
    found = [("popularity", "lists of less popular items")]
    found += [
        (f"group:{attribute}", "lists of its groups nearer to each other")
        for attribute in dict.fromkeys(sizes)
        if sizes.count(attribute) > 1
    ]
    return found


def watched_by(target: str) -> tuple[str, ...]:
    """Concepts that must be counted for a target."""
    return (target.removeprefix("concept:"),) if target.startswith("concept:") else ()


def search(steering: Steering, target: str, max_loss: float, progress: Callable[[int, int], None]) -> Found:
    """As `recaudit debias`. ``progress`` may raise to end it."""
    return searched(steering, target_named(steering, target), max_loss=max_loss, progress=progress)


def keep_found(path: Path, subject: Subject, steering: Steering, found: Found, name: str) -> str:
    """Keep a search and its best edit of latents in the audit; says what was done."""
    with writing(path) as audit:
        keep_search(audit, subject.model, subject.sae, steering, found, name, 0)
    return f"Kept as {name}, with every point of the search"


def best(found: Found) -> Point:
    """The dictionary's best point.

    Raises:
        NoVerdictError: there is none within the allowed loss.
    """
    own = found.chosen.get("latents")
    if own is None:
        raise NoVerdictError(
            f"no edit of latents lowers {found.target.measure} within the allowed loss",
            fix="search again and allow more, or use another dictionary",
        )
    return own.point


def blocks(found: Found) -> list[Block]:
    """What was found in sentences, the best of each method, and all points drawn."""
    shown = [
        Block(
            "search",
            f"Searched: {found.target.name}",
            sentences=tuple(f"· {line}" for line in found_in_words(found)),
        ),
        _best(found),
    ]
    if found.points:
        shown.append(_front(found))
    return shown


def _best(found: Found) -> Block:
    rows = []
    for method, one in sorted(found.chosen.items(), key=lambda pair: pair[0] != "latents"):
        before = found.before[1]
        now, low, high = (before + value for value in (one.change.value, one.change.low, one.change.high))
        kept = one.kept
        kept_said = "–" if kept is None else f"{kept.value:.0%} [{kept.low:.0%}, {kept.high:.0%}]"
        setting = ", ".join(f"{name} {value:g}" for name, value in one.point.setting.items())
        cells = (method, number(now), kept_said, f"{number(low)} … {number(high)}", setting)
        own = method == "latents"
        rows.append(Row(cells, (method, now, kept_said, f"{low} … {high}", setting), style="bold" if own else "", take="search" if own else ""))  # fmt: skip
    columns = (
        Column("method", firm=True), Column("after", right=True), Column("NDCG@10 kept", right=True),
        Column("95 % interval", right=True, style=QUIET), Column("setting", style=QUIET),
    )  # fmt: skip
    return Block(
        "methods", "The best of each method, on users it was not chosen on",
        f"{found.target.measure} was {number(found.before[1])}. Enter on `latents` puts its edit on the desk.",
        columns, tuple(rows), f"SELECT * FROM fronts WHERE target = '{found.target.name}'", len(rows),
    )  # fmt: skip


def _front(found: Found) -> Block:
    points = [p for p in found.points if p.kept[1] == p.kept[1]]
    xs, ys = [p.kept[1] for p in points], [p.value[1] for p in points]
    x, y = plot.spread([*xs, 1.0]), plot.spread([*ys, found.before[1]])

    def draw(width: int) -> list[str]:
        canvas = plot.Canvas(min(width - 8, 70), HEIGHT, x, y)
        for point in points:
            canvas.dot(point.kept[1], point.value[1])
        for method, one in found.chosen.items():
            canvas.text(one.point.kept[1], one.point.value[1], LETTERS.get(method, method))
        canvas.text(1.0, found.before[1], "model")
        ends = (f"{x[0]:.0%}", "NDCG@10 kept →", f"{x[1]:.0%}")
        return plot.framed(canvas, ends, (number(y[0]), found.target.measure, number(y[1])))

    return Block(
        "front", "Every point tried, on the users it was not chosen on", draw=draw,
        below="L latents, r random latents, P projection, R re-ranking: the best of each",
        sql=f"SELECT * FROM fronts WHERE target = '{found.target.name}'",
    )  # fmt: skip
