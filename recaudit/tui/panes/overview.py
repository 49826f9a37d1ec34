"""The model at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from recaudit.tui.panes.pane import Pane
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    from recaudit.store import Audit
    from recaudit.tui.blocks import Block


class OverviewPane(Pane):
    """Model, findings, numbers with intervals, dictionary, receipts, and what is missing."""

    def compose(self) -> ComposeResult:
        yield Page()

    def load(self) -> None:
        """All of it."""
        page, subject, width = self.query_one(Page), self.subject, self.app.size.width
        page.show([])

        def question(audit: Audit) -> Iterator[Block]:
            from recaudit.tui.data.overview import blocks

            return blocks(audit, subject, width)

        self.ask_parts(question, page.add, page.settle)
