"""A diff as Markdown: what a pull request needs first, the rest folded away."""

from __future__ import annotations

from collections.abc import Iterator

from recaudit.report.diff.chapter import Chapter
from recaudit.report.diff.document import DiffDocument
from recaudit.report.markdown import escaped, finding_line, table_lines
from recaudit.report.model import TableSection

OPEN = 2
"""Tables of a chapter that are shown; the others fold."""


def render(document: DiffDocument) -> str:
    """GitHub-flavoured Markdown, ending in a newline."""
    return "\n".join(_lines(document)).rstrip() + "\n"


def _lines(document: DiffDocument) -> Iterator[str]:
    yield f"# {escaped(document.a)} → {escaped(document.b)}"
    yield ""
    yield f"A is {escaped(document.a)}, B is {escaped(document.b)}. {escaped(document.about_sentence)}"
    yield ""
    for finding in document.findings:
        yield finding_line(finding)
    for chapter in document.chapters:
        yield from _chapter(chapter)
    yield from ("", "## What was compared", "")
    yield from table_lines(["", "A", "B"], [list(fact) for fact in document.facts])
    yield ""
    for word, said in document.method:
        yield f"- {escaped(word)}: {escaped(said)}"
    yield from ("", f"recaudit {document.tool_version}")


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield from ("", f"## {escaped(chapter.title)}", "")
    if chapter.missing:
        yield f"*Not compared: {escaped(chapter.missing)}*"
        yield ""
    if not chapter.exhibits:
        return
    if chapter.about:
        yield from (escaped(chapter.about), "")
    for place, exhibit in enumerate(chapter.exhibits):
        yield from _open(exhibit.table) if place < OPEN else _folded(exhibit.table)


def _open(table: TableSection) -> Iterator[str]:
    yield from (
        f"**{escaped(table.title)}.** {escaped(table.caption)}".rstrip(),
        "",
        *table_lines(table.columns, table.rows),
        "",
    )


def _folded(table: TableSection) -> Iterator[str]:
    yield from (f"<details><summary>{escaped(table.title)}</summary>", "")
    if table.caption:
        yield from (escaped(table.caption), "")
    yield from (*table_lines(table.columns, table.rows), "", "</details>", "")
