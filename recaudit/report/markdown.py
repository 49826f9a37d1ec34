"""The report as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from recaudit.report import charts, layout
from recaudit.report.document import Document
from recaudit.report.model import Exhibit, FindingRow, MetricRow, Report, TableSection
from recaudit.text import printable

_WORDS = {"serious": "**Serious.**", "warning": "**Warning.**", "info": ""}


def files(document: Document, path: Path, *, pictures: bool) -> dict[Path, str]:
    """The report, and its images in a folder beside it.

    Args:
        path: of the Markdown file; ``report.md`` has its images in ``report-files/``.
    """
    images = _images(document, path) if pictures else {}
    lines = _lines(document, {name: image.relative_to(path.parent) for name, (image, _) in images.items()})
    text = "\n".join(lines).rstrip() + "\n"
    return {path: text, **dict(images.values())}


def _images(document: Document, path: Path) -> dict[str, tuple[Path, str]]:
    """Exhibit to its image and the text of that."""
    folder = path.with_name(f"{path.stem}-files")
    names = layout.Anchors()
    return {
        exhibit.table.name: (folder / f"{names.of(exhibit.table.name)}.svg", charts.svg(exhibit.chart))
        for chapter in document.chapters
        for exhibit in chapter.exhibits
        if exhibit.chart
    }


def _lines(document: Document, images: dict[str, Path]) -> Iterator[str]:
    report = document.report
    model, sae = report.model, report.sae
    yield f"# Audit of {escaped(model['name'])}"
    yield ""
    yield f"- Model: {escaped(model['tool'])} {escaped(model['architecture'])}, probed at: {escaped(model['site'])} ({model['dim']} wide)"
    yield f"- Checkpoint: `{_code(model['checkpoint'])}`, sha256 `{model['sha256']}`"
    yield f"- Data: {escaped(report.dataset['name'])}: {escaped(report.dataset['summary'])}"
    yield f"- Cases: {model['cases']:,} inputs of {model['users']:,} users; {model['candidates']:,} items compete"
    if sae is not None:
        k = f", k = {sae['k']} ({escaped(sae['k_source'])})" if sae["k"] else ""
        yield f"- SAE: {escaped(sae['tool'])}, {sae['n_latents']:,} latents, {escaped(sae['activation'])}{k}"
    yield ""
    yield "## What to know"
    yield ""
    for finding in report.findings:
        yield finding_line(finding)
    yield ""
    for chapter in document.chapters:
        if chapter.name == "ranking" and layout.ranking_lines(report):
            yield from ("", f"## Ranking, protocol {report.protocol['name']}")
            yield from ("", f"{escaped(report.protocol['about'])}.")
        for exhibit in chapter.exhibits:
            yield from _exhibit(exhibit, images.get(exhibit.table.name))
        if chapter.name == "ranking":
            yield from _numbers(report)
    for name, reason in report.missing.items():
        yield from ("", f"*{name} not run: {escaped(reason)}*")
    yield from section_lines(document.runs)
    yield from ("", f"recaudit {report.tool_version}, run `{report.run_id}`")


def finding_line(finding: FindingRow) -> str:
    """A finding as an item of a list."""
    return f"- {_WORDS[finding.severity]} {escaped(finding.sentence)}".replace("-  ", "- ")


def _numbers(report: Report) -> Iterator[str]:
    for prefix, title in (("fidelity.", "Fidelity"), ("sae.", "Health of the sparse autoencoder")):
        rows = layout.other_metrics(report, prefix)
        if rows:
            yield from ("", f"## {title}", "", *_metrics(rows))


def _exhibit(exhibit: Exhibit, image: Path | None) -> Iterator[str]:
    """A chart with its table folded away, or the table alone where there is no image."""
    table = exhibit.table
    if image is None:
        yield from section_lines(table)
        return
    title = escaped(table.title)
    yield from (
        "",
        f"## {title}",
        "",
        escaped(table.caption),
        "",
        f"![{title}]({quote(image.as_posix())})",
        "",
    )
    yield from (
        "<details><summary>Table</summary>",
        "",
        *table_lines(table.columns, table.rows),
        "",
        "</details>",
    )


def _metrics(rows: list[MetricRow]) -> Iterator[str]:
    cells = [[layout.title(r), layout.number(r.value), layout.interval(r), f"{r.n:,} {r.unit}"] for r in rows]
    yield from _rows(["metric", "value", "95 % interval", "n"], cells)


def section_lines(section: TableSection) -> Iterator[str]:
    """A table under its heading, with what to see in it."""
    yield from ("", f"## {escaped(section.title)}", "")
    if section.caption:
        yield from (escaped(section.caption), "")
    yield from table_lines(section.columns, section.rows)


def table_lines(columns: list[str], rows: list[list[Any]]) -> Iterator[str]:
    """Any table as Markdown, text escaped."""
    yield from _rows([escaped(name) for name in columns], [[_cell(value) for value in row] for row in rows])


def _rows(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _cell(value: Any) -> str:
    return escaped(value) if isinstance(value, str) else layout.number(value)


def escaped(value: object) -> str:
    """Titles come from files: what Markdown or HTML would act on is escaped."""
    shown = printable(value, 400)
    for char in "\\`*_[]<>|#":
        shown = shown.replace(char, "\\" + char)
    return shown


def _code(value: object) -> str:
    return printable(value, 200).replace("`", "'")
