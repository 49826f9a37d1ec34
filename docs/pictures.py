"""Draw the pictures of the README from the sample model: run ``python docs/pictures.py`` after changing the report.

Needs only what recaudit needs; writes SVG files beside itself.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from rich.console import Console

from recaudit.analyses.audit import analyse
from recaudit.ingest import IngestRequest, ingest
from recaudit.report import build, terminal
from recaudit.report.model import Report
from recaudit.store import reading

DOCS = Path(__file__).parent
SAMPLES = DOCS.parent / "sample_models"
LINES = 44
"""Of the report shown: findings, ranking and fidelity; the rest is for the reader's own terminal."""


def sample_report() -> Report:
    """The report of the sample model, from a fresh audit."""
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "sample.duckdb"
        ingest(
            IngestRequest(
                SAMPLES / "recbole-sasrec.pth",
                SAMPLES / "movielens-small",
                db,
                sae=SAMPLES / "sasrec-sae",
                ids=str(SAMPLES / "ids.csv"),
            )
        )
        analyse(db, None, None)
        with reading(db) as audit:
            return build(audit)


def picture(report: Report) -> str:
    """The head of the terminal report as SVG."""
    plain = Console(
        width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor", highlight=False
    )
    terminal.render(report, plain)
    assert isinstance(plain.file, io.StringIO)
    shown = Console(width=100, record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    from rich.text import Text

    for line in plain.file.getvalue().splitlines()[:LINES]:
        shown.print(Text.from_ansi(line), no_wrap=True)
    return shown.export_svg(title="recaudit report")


if __name__ == "__main__":
    (DOCS / "report.svg").write_text(picture(sample_report()), encoding="utf-8")
