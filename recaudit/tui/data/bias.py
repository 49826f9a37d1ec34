"""Popularity and groups: numbers of the lists, exposure, and the latents that go with either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import accumulate

from recaudit.report.model import MetricRow
from recaudit.store import Audit, listings, popularity
from recaudit.tui import plot
from recaudit.tui.blocks import Block
from recaudit.tui.data.overview import intervals
from recaudit.tui.data.write_out import facts, frame_block
from recaudit.tui.host import Subject

HEIGHT = 12


def blocks(audit: Audit, subject: Subject) -> Iterator[Block]:
    """Numbers by group, the curve of exposure, exposure of concepts."""
    model = subject.model
    found = popularity.numbers(audit, model, subject.sae)
    if found.empty:
        yield facts("none", "Nothing is stored yet", [("run", f"recaudit bias {model.name}")])
    for prefix, title in (("popularity.", "Popularity of lists"), ("fairness.", "Groups of users")):
        rows = [
            MetricRow(row.metric, json.loads(row.slice), row.value, _or_none(row.low), _or_none(row.high), int(row.n), row.unit, "", "", 0, row.sae or None)
            for row in found.itertuples()
            if row.metric.startswith(prefix) and not row.sae
        ]  # fmt: skip
        if rows:
            yield intervals(prefix.rstrip("."), title, rows)
    places = listings.exposure_by_popularity(audit, model)
    if sum(n for _, n in places):
        yield _curve(places)
    yield from _exposure(audit, subject)


def _or_none(value: float) -> float | None:
    return None if value != value else value


def _curve(places: list[tuple[int, int]]) -> Block:
    listed, trained = [n for _, n in places], [count for count, _ in places]
    shares = [list(accumulate(values, initial=0)) for values in (listed, trained)]
    n = len(places)

    def draw(width: int) -> list[str]:
        canvas = plot.Canvas(min(width - 8, 70), HEIGHT, (0, 1), (0, 1))
        for summed in shares:
            total = summed[-1] or 1
            step = max(1, n // 200)
            at = [*range(0, n, step), n]
            canvas.line([place / n for place in at], [summed[place] / total for place in at])
        for summed, name in ((shares[0], "lists"), (shares[1], "training")):
            place = int(n * 0.72) if name == "lists" else int(n * 0.45)
            canvas.text(place / n, summed[place] / (summed[-1] or 1), name)
        return plot.framed(
            canvas, ("0%", "items, least popular first →", "100%"), ("0%", "share held", "100%")
        )

    return Block(
        "exposure_curve", "How much the less popular items hold",
        "Places in lists of ten beside interactions in training. A curve along the diagonal would give every item the same.",
        below="places in lists and interactions in training, summed from the least popular item", draw=draw, sql="SELECT item_id, count(*) FROM recommendations WHERE rank <= 10 GROUP BY item_id",
    )  # fmt: skip


def _exposure(audit: Audit, subject: Subject) -> Iterator[Block]:
    found = popularity.exposure(audit, subject.model)
    for kind in found["kind"].unique():
        own = found[found["kind"] == kind]
        yield frame_block(
            f"exposure_{kind}", f"Exposure by {kind}",
            own[["concept", "share", "low", "high", "profile_share", "catalogue_share", "ratio"]],
            caption="Share of places in the lists, of the users' training interactions, of the catalogue; ratio: lists over training.",
            sql=f"SELECT * FROM exposure WHERE model_id = {subject.model.model_id} AND kind = '{kind}' AND attribute IS NULL",
            kind=str(kind),
        )  # fmt: skip
