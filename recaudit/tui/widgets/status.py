"""The bottom line: file, model and dictionary, filter, row of rows."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from recaudit.text import printable
from recaudit.tui.host import Subject


class Status(Horizontal):
    """Three parts: what is open, the filter of the view in front, how many rows."""

    def compose(self) -> ComposeResult:
        yield Static("", id="status-subject", markup=False)
        yield Static("", id="status-filter", markup=False)
        yield Static("", id="status-rows", markup=False)

    def about(self, file: str, subject: Subject | None) -> None:
        """What is open."""
        said = printable(file, 30)
        if subject is not None:
            said += f" · {printable(subject.model.name, 24)}"
            if subject.sae is not None:
                said += f" · {printable(subject.sae.name, 24)}"
        self.query_one("#status-subject", Static).update(said)

    def tell(self, filter_: str, rows: str) -> None:
        """Of the view in front."""
        self.query_one("#status-filter", Static).update(f"/ {filter_}" if filter_ else "")
        self.query_one("#status-rows", Static).update(rows)
