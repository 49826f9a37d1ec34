"""Gates: verdicts kept in the audit, and what each rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from recaudit.tui.panes.pane import Pane
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    from recaudit.store import Audit
    from recaudit.tui.blocks import Block


class GatePane(Pane):
    """Verdicts on one side, the evidence of the chosen one on the other."""

    HELP = """\
What policies said of the model when `recaudit gate` last checked them. The line beside a verdict is its interval; `┃` is the
limit, dots are where the number may lie. `Enter` shows how the verdict came about and the rows behind it.
"""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="both"):
            yield Page(id="verdicts")
            yield Page(id="evidence")

    def load(self) -> None:
        """Every verdict, and the evidence of the first."""
        page, subject = self.query_one("#verdicts", Page), self.subject
        page.show([])
        self.query_one("#evidence", Page).show([])

        def question(audit: Audit) -> Iterator[Block]:
            from recaudit.tui.data.gate import blocks

            return blocks(audit, subject)

        self.ask_parts(question, page.add, self._first)

    def _first(self) -> None:
        page = self.query_one("#verdicts", Page)
        page.settle()
        for block in page.blocks:
            for row in block.rows:
                if row.take:
                    self._evidence(row.take)
                    return

    @on(Page.Taken)
    def _taken(self, event: Page.Taken) -> None:
        event.stop()
        self._evidence(event.what)

    def _evidence(self, key: str) -> None:
        page, subject = self.query_one("#evidence", Page), self.subject
        page.show([])

        def question(audit: Audit) -> Iterator[Block]:
            from recaudit.tui.data.gate import evidence

            return evidence(audit, subject, key)

        self.ask_parts(question, page.add, page.settle, group="detail")
