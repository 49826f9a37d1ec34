"""Two models side by side, as blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from recaudit.analyses.diff import compare
from recaudit.report.diff import compose
from recaudit.store import Audit, read
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.overview import MARKS
from recaudit.tui.data.write_out import QUIET, block
from recaudit.tui.host import Subject


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
        for sae in read.saes(audit, model.model_id) or [None]:
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
    yield from (
        Block(f"finding_{n}", "What to know" if n == 0 else "", sentences=(f"{MARKS[one.severity]} {printable(one.sentence)}",), sql=one.evidence)
        for n, one in enumerate(document.findings)
    )  # fmt: skip
    yield Block(
        "sides", "The two sides", "", (Column("fact", style=QUIET, firm=True), Column("A"), Column("B")),
        tuple(Row(tuple(printable(cell, 90) for cell in fact), fact) for fact in document.facts),
    )  # fmt: skip
    for chapter in document.chapters:
        if chapter.missing is not None:
            yield Block(
                f"no_{chapter.name}", printable(chapter.title), sentences=(printable(chapter.missing),)
            )
        for number, exhibit in enumerate(chapter.exhibits):
            made = block(exhibit.table)
            said = [chapter.about] if number == 0 and chapter.about else []
            yield replace(made, caption=" ".join([*map(printable, said), made.caption]).strip())
