"""A diff as one HTML file, in the shell of the audit's page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from recaudit.report import layout
from recaudit.report.diff.chapter import Chapter, table
from recaudit.report.diff.document import DiffDocument
from recaudit.report.html import view
from recaudit.report.html.render import filled
from recaudit.report.model import Exhibit, FindingRow
from recaudit.text import printable


@dataclass(frozen=True)
class Page:
    """What the template is given."""

    a: str
    b: str
    lead: str
    tiles: list[view.Tile]
    findings: list[view.Finding]
    chapters: list[view.Chapter]
    facts: view.Block
    method: list[tuple[str, str]]
    footer: str


def render(document: DiffDocument) -> str:
    """One HTML file, the same bytes for the same document."""
    ids = layout.Anchors()
    page = Page(
        a=printable(document.a, 80),
        b=printable(document.b, 80),
        lead=_lead(document.findings),
        tiles=[view.Tile(*(printable(part) for part in tile)) for tile in document.tiles],
        findings=[view.finding(row) for row in document.findings],
        chapters=[_chapter(one, ids) for one in document.chapters],
        facts=_facts(document, ids),
        method=[(word, printable(said)) for word, said in document.method],
        footer=f"recaudit {document.tool_version}",
    )
    return filled("diff.html", page)


def _lead(findings: Sequence[FindingRow]) -> str:
    counts = Counter(row.severity for row in findings)
    said = [
        f"{counts[severity]} {word if counts[severity] == 1 else plural}"
        for severity, word, plural in (
            ("serious", "serious change", "serious changes"),
            ("warning", "warning", "warnings"),
        )
        if counts[severity]
    ]
    return f"{' and '.join(said) or 'Nothing serious and no warnings'} among {len(findings)} findings."


def _chapter(chapter: Chapter, ids: layout.Anchors) -> view.Chapter:
    anchor = ids.of(chapter.name)
    blocks = [view.block(exhibit, ids) for exhibit in chapter.exhibits]
    missing = None if chapter.missing is None else printable(chapter.missing)
    return view.Chapter(anchor, chapter.title, printable(chapter.about), blocks, missing)


def _facts(document: DiffDocument, ids: layout.Anchors) -> view.Block:
    rows = [list(fact) for fact in document.facts]
    shown = table("facts", "The two models", document.about_sentence, ["", "A", "B"], rows)
    return view.block(Exhibit(shown), ids)
