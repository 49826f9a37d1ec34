"""What the page's template is given: texts and numbers already written, in the order they are read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from recaudit.report import charts, layout
from recaudit.report.document import Document, Shown
from recaudit.report.gallery import Card, Gallery
from recaudit.report.model import Exhibit, FindingRow, MetricRow, Report, TableSection
from recaudit.text import printable

CELL = 300
"""Characters of a text cell."""
MOST_ROWS, MOST_COLUMNS = 400, 60
"""Of a table in the page: a section of another package may bring any number."""
SEVERITIES = {"serious": "Serious", "warning": "Warning", "info": "Note"}
_HASH = re.compile("[0-9a-f]{64}")
_NAMES = {"latent", "item", "user", "position", "seed", "line"}
"""Columns whose numbers are names: no thousands are separated."""


@dataclass(frozen=True)
class Cell:
    """``figure`` cells stand to the right; a ``hash`` may break anywhere."""

    text: str
    figure: bool = False
    hash: bool = False

    @property
    def style(self) -> str:
        """Its class in the page; empty for text."""
        return "figure" if self.figure else "hash" if self.hash else ""


@dataclass(frozen=True)
class Grid:
    """A table. The first cell of a row heads it."""

    columns: list[Cell]
    rows: list[list[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Block:
    """A part of a chapter: a table, or a drawing with the table behind it."""

    id: str
    title: str
    see: str
    grid: Grid
    sql: str
    drawing: Markup | None = None


@dataclass(frozen=True)
class Chapter:
    """A heading with its blocks, or with what is missing."""

    id: str
    title: str
    about: str
    blocks: list[Block]
    missing: str | None


@dataclass(frozen=True)
class Finding:
    """A sentence with its severity as a key, a word and a mark."""

    severity: str
    word: str
    mark: str
    sentence: str
    sql: str


@dataclass(frozen=True)
class Tile:
    """A number at the top: what it is, its value, its interval, and what to hold it against."""

    label: str
    value: str
    interval: str
    beside: str


@dataclass(frozen=True)
class LatentCard:
    """A latent of the gallery; ``words`` is what its search looks in."""

    latent: int
    name: str
    facts: list[tuple[str, str]]
    bars: list[tuple[int, int]]
    items: list[tuple[str, str]]
    concepts: list[tuple[str, str]]
    words: str


@dataclass(frozen=True)
class Latents:
    """The gallery."""

    cards: list[LatentCard]
    said: str
    items_by: str
    sql: str


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
        gates=_gates(document),
        gate_said=_gate_said(document),
        tiles=list(_tiles(report)),
        findings=[finding(row) for row in report.findings],
        facts=_facts(report),
        receipts=_receipts(report, ids),
        chapters=[_chapter(report, shown, ids) for shown in document.chapters],
        latents=None if document.gallery is None else _latents(document.gallery),
        method=_method(report),
        runs=block(Exhibit(document.runs), ids),
        footer=f"recaudit {report.tool_version}, run {report.run_id}",
    )


def lead(report: Report) -> str:
    """One sentence on what the findings come to."""
    counts = Counter(row.severity for row in report.findings)
    said = [
        f"{counts[severity]} {word if counts[severity] == 1 else word + 's'}"
        for severity, word in (("serious", "serious finding"), ("warning", "warning"))
        if counts[severity]
    ]
    if not report.findings:
        return "Nothing has been analysed that findings could be drawn from."
    if not said:
        return f"Nothing serious and no warnings among {len(report.findings)} findings."
    return f"{' and '.join(said)} among {len(report.findings)} findings."


def finding(row: FindingRow) -> Finding:
    """A finding as the page shows it."""
    return Finding(
        row.severity,
        SEVERITIES.get(row.severity, row.severity),
        layout.MARKS.get(row.severity, "·"),
        printable(row.sentence),
        printable(row.evidence),
    )


_JUDGED = {"fail": "serious", "error": "serious", "warn": "warning", "undecided": "warning"}


def _gates(document: Document) -> list[Finding]:
    """Verdicts that did not pass, as findings."""
    return [
        Finding(
            _JUDGED[row["verdict"]],
            str(row["verdict"]),
            layout.MARKS[_JUDGED[row["verdict"]]],
            printable(f"{row['gate']}: {row['said']}"),
            printable(row["evidence"] or ""),
        )
        for row in document.verdicts.to_dict("records")
        if row["verdict"] in _JUDGED
    ]


def _gate_said(document: Document) -> str:
    """How each policy came out; empty where no gate has judged the model."""
    said = []
    for policy, own in document.verdicts.groupby("policy", sort=True):
        counts = Counter(own["verdict"])
        parts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        failed = counts["fail"] + counts["error"]
        said.append(f"Gate {printable(policy, 60)}: {'failed' if failed else 'no rule failed'} ({parts}).")
    return " ".join(said)


def _tiles(report: Report) -> Iterator[Tile]:
    by = {(row.metric, tuple(sorted(row.slice.items()))): row for row in report.metrics}

    def number(metric: str, **where: str) -> MetricRow | None:
        return by.get((metric, tuple(sorted(where.items()))))

    ndcg, popular = (number("ranking.ndcg@10", ranking=name) for name in ("original", "popularity"))
    if ndcg is not None:
        beside = "" if popular is None else f"plain popularity {layout.number(popular.value)}"
        yield _tile("NDCG@10", ndcg, beside)
    for metric, label, beside in (
        ("fidelity.ndcg_ratio@10", "NDCG@10 kept by the dictionary", "1 is all"),
        ("fidelity.overlap@10", "Overlap of first ten", "reconstructed against original"),
        ("fidelity.explained_variance", "Explained variance", "1 is all"),
        ("labels.verified", "Latents with a name that holds", ""),
    ):
        for row in report.metrics:
            if row.metric == metric and "control" not in row.slice:
                yield _tile(label, row, beside or f"{row.n:,} {row.unit}")
                break


def _tile(label: str, row: MetricRow, beside: str) -> Tile:
    known = row.low is not None
    return Tile(label, layout.number(row.value), layout.interval(row) if known else "", beside)


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
        "SELECT * FROM receipts",
        len(rows),
    )
    return block(Exhibit(table), ids)


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
    return Block(ids.of(title), title, see, grid, f"SELECT * FROM metrics WHERE metric LIKE '{prefix}%'")


def block(exhibit: Exhibit, ids: layout.Anchors) -> Block:
    """An exhibit as the page shows it."""
    table = exhibit.table
    title = printable(table.title, 200)
    return Block(
        id=ids.of(table.name),
        title=title,
        see=printable(table.caption),
        grid=grid(table),
        sql=printable(table.sql),
        drawing=charts.inline(exhibit.chart, title) if exhibit.chart else None,
    )


def grid(table: TableSection) -> Grid:
    """A table's cells as they are written: numbers with their intervals in one."""
    columns, rows = layout.joined(table)
    names = columns[:MOST_COLUMNS]
    cells = [
        [cell(name, value) for name, value in zip(names, row[:MOST_COLUMNS], strict=True)]
        for row in rows[:MOST_ROWS]
    ]
    heads = [
        Cell(printable(name, CELL), bool(cells) and all(row[place].figure for row in cells))
        for place, name in enumerate(names)
    ]
    cuts = [
        f"{shown:,} of {of:,} {what}"
        for shown, of, what in ((len(cells), table.shown_of, "rows"), (len(names), len(columns), "columns"))
        if shown < of
    ]
    return Grid(heads, cells, f"{', '.join(cuts)}; the SQL gives all." if cuts else "")


def cell(column: str, value: Any) -> Cell:
    """One value of a column."""
    if isinstance(value, layout.Figure) or value is None:
        return Cell(value or "–", True)
    if isinstance(value, str):
        return Cell(printable(value, CELL), hash=bool(_HASH.fullmatch(value)))
    return Cell(str(value) if column in _NAMES else layout.number(value), True)


def _latents(gallery: Gallery) -> Latents:
    shown = len(gallery.cards)
    said = f"The {shown:,} strongest of {gallery.of:,}" if shown < gallery.of else f"All {shown:,}"
    return Latents(
        [_card(card, gallery.fires_on) for card in gallery.cards],
        f"{said} latents that fire, by how much they contribute (sum of values times the length of the decoder row).",
        gallery.items_by,
        gallery.sql,
    )


def _card(card: Card, fires_on: str) -> LatentCard:
    facts = [(f"of {fires_on}", f"{card.density:.1%}"), ("max", layout.number(card.largest))]
    if card.confidence is not None:
        facts.append(("confidence", layout.short(card.confidence)))
    if card.popularity is not None:
        facts.append(("popularity", layout.short(card.popularity)))
    highest = max(1, *card.histogram)
    items = [(printable(title, 80), layout.number(value)) for title, value in card.items]
    concepts = [(printable(name, 60), str(layout.short(auc))) for name, auc in card.concepts]
    name = printable(card.name, 120)
    words = " ".join(
        [str(card.latent), name, *(title for title, _ in items), *(name for name, _ in concepts)]
    )
    return LatentCard(
        card.latent,
        name,
        facts,
        [(place, round(20 * count / highest)) for place, count in enumerate(card.histogram)],
        items,
        concepts,
        words.lower(),
    )


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
