"""The report as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recaudit.report import layout
from recaudit.report.document import Document
from recaudit.report.model import FindingRow, MetricRow, Report, TableSection
from recaudit.text import printable

_WORDS = {"serious": "**Serious.**", "warning": "**Warning.**", "info": ""}


def files(document: Document, path: Path, *, pictures: bool) -> dict[Path, str]:
    """The report, and its images in a folder beside it.

    Args:
        path: of the Markdown file; ``report.md`` has its images in ``report-files/``.
    """
    return {path: "\n".join(_lines(document.report)).rstrip() + "\n"}


def _lines(report: Report) -> Iterator[str]:
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
    if layout.ranking_lines(report):
        yield f"## Ranking, protocol {report.protocol['name']}"
        yield ""
        yield f"{escaped(report.protocol['about'])}."
        yield ""
        yield from _ranking(report)
    for prefix, title in (("fidelity.", "Fidelity"), ("sae.", "Health of the sparse autoencoder")):
        rows = layout.other_metrics(report, prefix)
        if rows:
            yield from ("", f"## {title}", "", *_metrics(rows))
    for section in report.tables:
        yield from section_lines(section)
    for name, reason in report.missing.items():
        yield from ("", f"*{name} not run: {escaped(reason)}*")
    yield from ("", f"recaudit {report.tool_version}, run `{report.run_id}`")


def finding_line(finding: FindingRow) -> str:
    """A finding as an item of a list."""
    return f"- {_WORDS[finding.severity]} {escaped(finding.sentence)}".replace("-  ", "- ")


def _ranking(report: Report) -> Iterator[str]:
    lines = layout.ranking_lines(report)
    shown = [name for name in layout.RANKINGS if any(name in line.cells for line in lines)]
    yield from _rows(
        ["metric", *shown], [[line.title, *(_ranked(line.cells.get(n)) for n in shown)] for line in lines]
    )


def _ranked(row: MetricRow | None) -> str:
    return "–" if row is None else f"{row.value:.4f} [{layout.interval(row)}]"


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
