"""Everything that a page or a Markdown report shows: the report, and beside it charts, latents, verdicts and runs.

``Report`` is what JSON holds and its schema promises; what is here is made for reading only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from recaudit.report import sections
from recaudit.report.build import of_chapters
from recaudit.report.context import Context
from recaudit.report.gallery import Gallery, gallery
from recaudit.report.model import Exhibit, Report, TableSection, section
from recaudit.store import gates, provenance, read


@dataclass(frozen=True)
class Shown:
    """A section as a chapter: its exhibits in the order to be read; ``missing`` says why there are none, or fewer."""

    name: str
    title: str
    about: str
    exhibits: list[Exhibit]
    missing: str | None


@dataclass(frozen=True)
class Document:
    """A report with all that goes around it.

    Attributes:
        gallery: None without a dictionary.
        verdicts: what policies said of the model; empty where no gate was run.
        runs: the commands whose rows it shows.
    """

    report: Report
    chapters: list[Shown]
    gallery: Gallery | None
    verdicts: pd.DataFrame
    runs: TableSection


def compose(about: Context) -> Document:
    """The document of what ``build.context`` chose."""
    chapters = sections.collect(about)
    audit, model, sae = about.audit, about.model, about.sae
    return Document(
        of_chapters(about, chapters),
        [_shown(about, chapter) for chapter in chapters],
        None if sae is None else gallery(audit, model, sae, about.rule),
        gates.verdicts(audit, model),
        _runs(about),
    )


def _shown(about: Context, chapter: sections.Chapter) -> Shown:
    drawn = [exhibit for exhibit in chapter.section.draw(about) if exhibit.table.rows]
    names = {exhibit.table.name for exhibit in drawn}
    plain = [Exhibit(table) for table in chapter.tables if table.name not in names]
    part = chapter.section
    return Shown(
        part.name, part.title or part.name, part.about, [*drawn, *plain], chapter.missing or part.lacks(about)
    )


def _runs(about: Context) -> TableSection:
    pairs = [(about.model, about.sae), *([about.beside] if about.beside else [])]
    models, saes = [model for model, _ in pairs], [sae for _, sae in pairs if sae is not None]
    controls = [one for model, sae in pairs if sae for one in read.controls(about.audit, model.model_id, sae)]
    frame = provenance.runs(about.audit, models, [*saes, *controls])
    frame["arguments"] = [_said(text) for text in frame["arguments"]]
    frame = frame.rename(columns={"tool_version": "version", "run_id": "run"})
    return section(
        "runs",
        "Commands this report rests on",
        "In order. The hash of a run is made from command, arguments, inputs, version and seed: the same hash, the same "
        "numbers.",
        frame,
        "SELECT * FROM runs ORDER BY finished",
        len(frame),
    )


def _said(arguments: str) -> str:
    """``{"model": "x", "k": null, "declared": {"settings": {"seed": 0}, …}}`` as ``model=x seed=0``.

    A declared step's settings are told like arguments; the hashes of its files stand in the receipts.
    """
    given = json.loads(arguments)
    given |= (given.pop("declared", None) or {}).get("settings", {})
    return " ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in sorted(given.items())
        if value not in (None, [], {}, "")
    )
