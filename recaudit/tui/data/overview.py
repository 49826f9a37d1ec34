"""What the first tab says of a model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recaudit.metrics.catalogue import BY_NAME
from recaudit.report import layout, sections
from recaudit.report.build import context, of_chapters
from recaudit.report.context import Context
from recaudit.report.model import FindingRow, MetricRow, Report
from recaudit.store import Audit, read, views
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row, wrapped
from recaudit.tui.data import gate
from recaudit.tui.data.key_numbers import key_numbers
from recaudit.tui.data.write_out import QUIET, exact_interval, facts, frame_block, whiskers
from recaudit.tui.host import Subject
from recaudit.tui.places import Place

MARKS = {"serious": "✗", "warning": "!", "info": "·"}
STYLES = {"serious": "$text-error", "warning": "$text-warning", "info": ""}
GROUPS = (
    ("ranking.", "Ranking"),
    ("fidelity.", "Fidelity: reconstructed against original"),
    ("sae.", "Health of the dictionary"),
    ("popularity.", "Popularity of lists"),
    ("fairness.", "Groups of users"),
)


_BESIDE = 7
"""Columns of the terminal that border, scroll bar, mark and gap take from a sentence."""


def blocks(audit: Audit, subject: Subject, width: int) -> Iterator[Block]:
    """Model, findings, numbers, dictionary, receipts; what is missing and which command makes it."""
    model, sae = subject.model, subject.sae
    about = context(audit, model.name, sae_name=sae.name if sae else None)
    made = of_chapters(about, [])
    yield _model(made)
    yield _findings(made, width)
    gated = _gated(audit, subject)
    if gated is not None:
        yield gated
    key = key_numbers(audit, subject, made)
    if key is not None:
        yield key
    yield from _numbers(made)
    if sae is not None:
        yield _dictionary(audit, subject)
    yield frame_block(
        "receipts",
        "Receipts: what the scan found in the input files",
        views.receipts(audit, model)[["role", "file", "format", "bytes", "verdict", "sha256"]],
        caption="Files are scanned before they are read; nothing in them is executed.",
        sql=f"SELECT * FROM receipts WHERE model_id = {model.model_id}",
    )
    missing = _missing(about)
    if missing:
        yield facts("missing", "Not there yet", list(missing.items()))


def _missing(about: Context) -> dict[str, str]:
    """What is not there, and what makes it; sections that are never missing, and cost most, are not made."""
    parts = [part for part in sections.all_sections() if part.missing]
    chapters = [sections.Chapter(part, [], None if part.make(about) else part.missing) for part in parts]
    return sections.missing(about, chapters)


def _model(made: Report) -> Block:
    model = made.model
    return facts(
        "model",
        f"{model['name']}: {model['tool']} {model['architecture']}",
        [
            ("probed at", f"{model['site']}, {model['dim']} wide"),
            ("data", f"{made.dataset['name']}: {made.dataset['summary']}"),
            (
                "cases",
                f"{model['cases']:,} inputs of {model['users']:,} users; {model['candidates']:,} items compete",
            ),
            ("protocol", f"{made.protocol['name']}: {made.protocol['about']}"),
            ("file", f"{model['checkpoint']}, sha256 {model['sha256'][:12]}…"),
        ],
        "SELECT * FROM models",
    )


def _findings(made: Report, width: int) -> Block:
    rows = [row for finding in made.findings for row in _sentence(finding, width)]
    return Block(
        "findings",
        "What to know",
        "" if rows else "No findings are stored: run `recaudit report`.",
        (Column(""), Column("finding")),
        tuple(rows),
        made.findings[0].evidence if made.findings else "",
        len(rows),
        headed=False,
    )


def _gated(audit: Audit, subject: Subject) -> Block | None:
    """What each policy said; nothing where no gate was run."""
    found = gate.kept(audit, subject)
    if not found:
        return None
    rows = []
    for policy in dict.fromkeys(one.policy for one in found):
        own = [one for one in found if one.policy == policy]
        said = gate.state(own)
        rows.append(Row((printable(policy, 40), said), (policy, said), (Place("pane", "gate"),), gate.STYLES[own[0].verdict.verdict]))  # fmt: skip
    return Block(
        "gate", "Gate", "", (Column("policy"), Column("verdicts")), tuple(rows), "SELECT * FROM verdicts", len(rows),
        headed=False,
    )  # fmt: skip


def _sentence(finding: FindingRow, width: int) -> Iterator[Row]:
    lines = wrapped(printable(finding.sentence), min(width - _BESIDE, 110))
    for number, line in enumerate(lines):
        yield Row(
            (MARKS[finding.severity] if number == 0 else "", line),
            (finding.severity, finding.sentence),
            style=STYLES[finding.severity],
        )


def _numbers(made: Report) -> Iterator[Block]:
    rankings = [row for row in made.metrics if "ranking" in row.slice]
    if rankings:
        yield intervals("ranking", f"Ranking, protocol {made.protocol['name']}", rankings)
    for prefix, title in GROUPS[1:]:
        rows = [row for row in layout.other_metrics(made, prefix) if "ranking" not in row.slice]
        if rows:
            yield intervals(prefix.rstrip("."), title, rows)


def intervals(name: str, title: str, metrics: list[MetricRow]) -> Block:
    """Numbers with their intervals drawn on a common scale; a metric's name stands before the first of its slices."""
    order = {known: place for place, known in enumerate(BY_NAME)}
    metrics = sorted(metrics, key=lambda row: (order.get(row.metric, 999), sorted(row.slice.items())))
    rows: list[Row] = []
    before = ""
    for row in metrics:
        beside = [other for other in metrics if other.metric == row.metric]
        ends = [
            value for other in beside for value in (other.low, other.high, other.value) if value is not None
        ]
        drawn = (
            whiskers(row.value, row.low, row.high, min(0.0, *ends), max(ends)) if row.low is not None else ""
        )
        known = BY_NAME[row.metric].title if row.metric in BY_NAME else row.metric
        of = ", ".join(str(value) for _, value in sorted(row.slice.items()))
        interval = layout.interval(row) if row.low is not None else ""
        rows.append(
            Row(
                (
                    printable(known) if known != before else "",
                    printable(of, 40),
                    layout.number(row.value),
                    interval,
                    drawn,
                    f"{row.n:,} {row.unit}",
                ),
                (known, of, row.value, exact_interval(row), None, f"{row.n} {row.unit}"),
            )
        )
        before = known
    columns = (
        Column("metric"),
        Column("of"),
        Column("value", right=True),
        Column("95 % interval", right=True, style=QUIET),
        Column("", style="$primary", firm=True),
        Column("n", right=True, style=QUIET),
    )
    family = metrics[0].metric.partition(".")[0]
    sql = f"SELECT * FROM metrics WHERE metric LIKE '{family}.%'"
    return Block(name, title, "", columns, tuple(rows), sql, len(rows))


def _dictionary(audit: Audit, subject: Subject) -> Block:
    sae = subject.sae
    assert sae is not None
    columns = read.latent_columns(audit, sae)
    k = f", k = {sae.k} ({sae.k_source})" if sae.k else ""
    pairs: list[tuple[str, object]] = [
        ("name", sae.name),
        ("made by", f"{sae.tool}: {sae.n_latents:,} latents, {sae.activation}{k}"),
        ("dead", f"{int(np.asarray(columns['dead']).sum()):,} of {sae.n_latents:,} latents"),
    ]
    return facts("dictionary", "Dictionary", pairs, f"SELECT * FROM latents WHERE sae_id = {sae.sae_id}")
