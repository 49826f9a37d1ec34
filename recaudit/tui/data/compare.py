"""Two models side by side, as blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest

from recaudit.analyses.diff import Diff, compare
from recaudit.analyses.diff.lists import Item
from recaudit.report.diff import compose
from recaudit.store import Audit, read
from recaudit.store.read import Sae
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.overview import MARKS
from recaudit.tui.data.write_out import QUIET, block
from recaudit.tui.host import Subject
from recaudit.tui.places import Place


@dataclass(frozen=True)
class Other:
    """What the model in front can be held against: a model with one of its dictionaries."""

    model: str
    sae: str | None

    def __str__(self) -> str:
        return printable(self.model, 40) + (f" by {printable(self.sae, 40)}" if self.sae else "")


def others(audit: Audit, subject: Subject) -> list[Other]:
    """Every other model of the file, and the same model by its other dictionaries."""
    found = []
    for model in read.models(audit):
        dictionaries: list[Sae | None] = [*read.saes(audit, model.model_id)] or [None]
        for sae in dictionaries:
            one = Other(model.name, sae.name if sae else None)
            if one != Other(subject.model.name, subject.sae.name if subject.sae else None):
                found.append(one)
    return found


def blocks(audit: Audit, subject: Subject, other: Other, begin: Callable[[str], None]) -> Iterator[Block]:
    """What changed from the other model to the one in front: findings, facts, numbers, concepts, lists, latents."""
    found = compare(
        audit, other.model, audit, subject.model.name,
        sae_a=other.sae, sae_b=subject.sae.name if subject.sae else None, begin=begin,
    )  # fmt: skip
    document = compose(found)
    yield Block(
        "diff", f"From {printable(document.a)} to {printable(document.b)}", printable(document.about_sentence),
        (Column("", firm=True), Column("", firm=True), Column("", style=QUIET), Column("", style=QUIET)),
        tuple(Row(tuple(map(printable, tile)), tuple(tile)) for tile in document.tiles), headed=False,
    )  # fmt: skip
    said = tuple(f"{MARKS[one.severity]} {printable(one.sentence)}" for one in document.findings)
    yield Block("findings", "What to know", sentences=said)
    yield Block(
        "sides", "The two sides", "", (Column("fact", style=QUIET, firm=True), Column("A"), Column("B")),
        tuple(Row(tuple(printable(cell, 90) for cell in fact), fact) for fact in document.facts),
    )  # fmt: skip
    for chapter in document.chapters:
        if chapter.missing is not None:
            yield Block(
                f"no_{chapter.name}", printable(chapter.title), sentences=(f"– {printable(chapter.missing)}",)
            )
        for number, exhibit in enumerate(chapter.exhibits):
            made = _linked(block(exhibit.table), found)
            about = printable(chapter.about) if number == 0 else ""
            yield replace(made, caption=f"{about} {made.caption}".strip())


def _linked(made: Block, found: Diff) -> Block:
    """With links to items and users by their ids; the tables show titles. Latents that are linked are B's."""
    lists = found.lists
    if lists is None:
        return made
    of_items = {"diff_items_gained": lists.gained, "diff_items_lost": lists.lost}
    if made.name in of_items:
        places: list[tuple[Place, ...]] = [(Place("item", one.item.raw_id),) for one in of_items[made.name]]
    else:
        user = next((one for one in lists.most_changed if made.name == f"diff_user_{one.user}"), None)
        if user is None:
            return made
        places = [
            (Place("user", user.user), *(Place("item", item.raw_id) for item in dict.fromkeys(pair) if item))
            for pair in _pairs(user.a, user.b)
        ]
    rows = tuple(replace(row, places=links) for row, links in zip(made.rows, places, strict=True))
    return replace(made, rows=rows)


def _pairs(a: tuple[Item, ...], b: tuple[Item, ...]) -> Iterator[tuple[Item | None, Item | None]]:
    """Places of two lists side by side."""
    return zip_longest(a, b)
