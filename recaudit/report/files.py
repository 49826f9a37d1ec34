"""Which files a report can be written to, by the ending of the name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from recaudit.errors import UsageError
from recaudit.report import json, markdown
from recaudit.report.build import of_chapters
from recaudit.report.context import Context
from recaudit.report.document import Document, compose
from recaudit.report.model import Report
from recaudit.report.sections import collect
from recaudit.text import printable


class Source:
    """What renderers draw from; each part is made once, when the first of them asks for it.

    Args:
        pictures: Markdown gets image files beside it.
    """

    def __init__(self, about: Context, *, pictures: bool = True) -> None:
        self._about = about
        self.pictures = pictures

    @cached_property
    def report(self) -> Report:
        """The report alone."""
        return of_chapters(self._about, collect(self._about))

    @cached_property
    def document(self) -> Document:
        """The report with charts, latents, verdicts and runs."""
        return compose(self._about)


Files = Mapping[Path, str]


def _json(source: Source, path: Path) -> Files:
    return {path: json.render(source.report)}


def _markdown(source: Source, path: Path) -> Files:
    return markdown.files(source.document, path, pictures=source.pictures)


def _html(source: Source, path: Path) -> Files:
    from recaudit.report import html  # templates and a drawing engine that other reports need not wait for

    return {path: html.render(source.document)}


RENDERERS: dict[str, Callable[[Source, Path], Files]] = {".html": _html, ".json": _json, ".md": _markdown}
"""Ending to what makes the files: the one that was asked for, and those that go beside it."""


def renderer(path: Path) -> Callable[[Source, Path], Files]:
    """What renders a report for a file of this name.

    Raises:
        UsageError: no report has such an ending.
    """
    if path.suffix not in RENDERERS:
        raise UsageError(
            f"{printable(path)}: no report of type {printable(path.suffix) or '(none)'}",
            fix=f"end the name in one of: {', '.join(RENDERERS)}",
        )
    return RENDERERS[path.suffix]


def write(files: Files) -> None:
    """Write them, making the folders that go beside a report."""
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def up_to_date(files: Files) -> bool:
    """Whether every one of them is there and says the same."""
    return all(path.is_file() and path.read_bytes() == text.encode() for path, text in files.items())
