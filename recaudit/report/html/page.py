"""The page of an audit: what its template is given, in the order it is read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from recaudit.report import layout
from recaudit.report.document import Document, Shown
from recaudit.report.html import verdicts
from recaudit.report.html.cards import Latents, latents
from recaudit.report.html.tiles import tiles
from recaudit.report.html.view import Block, Cell, Chapter, Finding, Grid, Tile, block, finding
from recaudit.report.model import Exhibit, Report, TableSection
from recaudit.store.gates import quoted
from recaudit.text import printable


@dataclass(frozen=True)
class Page:
    """All of it."""

    title: str
    lead: str
    gates: list[Finding]
    gate_said: str
    tiles: list[Tile]
    findings: list[Finding]
    facts: list[tuple[str, str]]
    receipts: Block
    chapters: list[Chapter]
    latents: Latents | None
    method: list[tuple[str, str]]
    runs: Block
    footer: str


def page(document: Document) -> Page:
    """The page of a document."""
    report = document.report
    ids = layout.Anchors()
    return Page(
        title=printable(report.model["name"], 120),
        lead=lead(report),
        gates=verdicts.findings(document.verdicts),
        gate_said=verdicts.said(document.verdicts),
        tiles=list(tiles(report)),
        findings=[finding(row) for row in report.findings],
        facts=_facts(report),
        receipts=_receipts(report, ids),
        chapters=[_chapter(report, shown, ids) for shown in document.chapters],
        latents=None if document.gallery is None else latents(document.gallery),
        method=_method(report),
        runs=block(Exhibit(document.runs), ids),
        footer=f"recaudit {report.tool_version}, run {report.run_id}",
    )


def lead(report: Report) -> str:
    """One sentence on what the findings come to."""
    if not report.findings:
        return "Nothing has been analysed that findings could be drawn from."
    counts = Counter(row.severity for row in report.findings)
    serious, warnings = counts["serious"], counts["warning"]
    said = [
        f"{serious} serious finding{_s(serious)}" if serious else "Nothing serious",
        f"{warnings} warning{_s(warnings)}" if warnings else "no warnings",
    ]
    return f"{' and '.join(said)} among {len(report.findings)} finding{_s(len(report.findings))}."


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _facts(report: Report) -> list[tuple[str, str]]:
    model, sae, data = report.model, report.sae, report.dataset
    facts = [
        ("Model", f"{model['tool']} {model['architecture']}, family {model['family']}"),
        ("Probed at", f"{model['site']}, {model['dim']} wide"),
        ("Checkpoint", f"{model['checkpoint']}, sha256 {model['sha256']}"),
        ("Settings", _settings(model["settings"])),
        ("Data", f"{data['name']} ({data['layout']}): {data['summary']}"),
        ("Split", _settings(data["split"])),
        ("Cases", f"{model['cases']:,} inputs of {model['users']:,} users; {model['candidates']:,} items compete"),
    ]  # fmt: skip
    if model["unused_tensors"]:
        facts.append(("Unused tensors", ", ".join(map(str, model["unused_tensors"]))))
    if sae is not None:
        k = f", k = {sae['k']} ({sae['k_source']})" if sae["k"] else ""
        facts += [
            ("Dictionary", f"{sae['name']}: {sae['tool']}, {sae['n_latents']:,} latents, {sae['activation']}{k}"),
            ("Dictionary file", f"sha256 {sae['sha256']}"),
        ]  # fmt: skip
    facts += [("Data note", note) for note in data["notes"]]
    return [(name, printable(value, 2000)) for name, value in facts if value]


def _settings(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))


def _receipts(report: Report, ids: layout.Anchors) -> Block:
    rows = [
        [
            receipt["role"],
            receipt["file"],
            receipt["format"],
            receipt["bytes"],
            receipt["verdict"],
            "; ".join(
                [
                    *(f"{name} x {count}" for name, count in receipt["stubs"].items()),
                    *_notes(receipt["notes"]),
                ]
            ),
            receipt["sha256"],
        ]
        for receipt in report.model["receipts"]
    ]
    columns = ["role", "file", "format", "bytes", "scan", "kept as inert stubs, and notes", "sha256"]
    table = TableSection(
        "receipts",
        "Receipts of the input files",
        "Every file was read by a bounded child process that runs nothing in it; classes it does not know were kept as "
        "inert stubs.",
        columns,
        rows,
        _of_model(report, "receipts", "true"),
        len(rows),
    )
    return block(Exhibit(table), ids)


def _of_model(report: Report, table: str, where: str) -> str:
    """SQL of the model's rows of a table."""
    name = quoted(report.model["name"])
    return (
        f"SELECT {table}.* FROM {table} JOIN models USING (model_id) WHERE models.name = {name} AND {where}"
    )


def _notes(notes: list[dict[str, Any]]) -> list[str]:
    return [str(note.get("message", "")) for note in notes]


def _chapter(report: Report, shown: Shown, ids: layout.Anchors) -> Chapter:
    anchor = ids.of(shown.name)
    own = [_numbers(report, *group, ids) for group in _NUMBERS.get(shown.name, ())]
    kept = [exhibit for exhibit in shown.exhibits if not exhibit.table.name.startswith(layout.LATENT_ITEMS)]
    drawn = [block(exhibit, ids) for exhibit in kept if exhibit.chart]
    plain = [block(exhibit, ids) for exhibit in kept if not exhibit.chart]
    blocks = [*drawn, *(part for part in own if part.grid.rows), *plain]
    return Chapter(anchor, printable(shown.title), shown.about, blocks, shown.missing)


_NUMBERS = {
    "ranking": (
        ("fidelity.", "Fidelity", "The reconstruction's ranking and lists against the model's own."),
        ("sae.", "Health of the dictionary", "A dead latent fires on nothing; a dense one acts like a bias."),
    )
}
"""Chapter to metric families shown as tables of numbers: prefix, title, what to see."""


def _numbers(report: Report, prefix: str, title: str, see: str, ids: layout.Anchors) -> Block:
    rows = layout.other_metrics(report, prefix)
    grid = Grid(
        [Cell("metric"), *(Cell(name, True) for name in ("value", "95 % interval", "n"))],
        [
            [
                Cell(layout.title(row)),
                Cell(layout.number(row.value), True),
                Cell(layout.interval(row), True),
                Cell(f"{row.n:,} {row.unit}", True),
            ]
            for row in rows
        ],
    )
    return Block(ids.of(title), title, see, grid, _of_model(report, "metrics", f"metric LIKE '{prefix}%'"))


def _method(report: Report) -> list[tuple[str, str]]:
    intervals = {row.seed for row in report.metrics}
    method = [
        ("Protocol", f"{report.protocol['name']}: {report.protocol['about']}."),
        (
            "Intervals",
            "95 %, by bootstrap over users unless a number names another unit; "
            f"seed {', '.join(str(seed) for seed in sorted(intervals)) or '–'}.",
        ),
        ("Many tests at once", "Benjamini-Hochberg; q is the adjusted p."),
        ("Controls", "The same procedure on an untrained dictionary, the model's own neurons and principal axes, random "
         "directions and shuffled names, wherever a number speaks of interpretability."),
    ]  # fmt: skip
    return [(name, printable(text)) for name, text in method]
