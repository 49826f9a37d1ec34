"""Compare: what changed between two models of the file, or two dictionaries of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from recaudit.tui.keys import bindings
from recaudit.tui.messages import Answered
from recaudit.tui.modals.choose import Choose
from recaudit.tui.panes.pane import Pane
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    from recaudit.store import Audit
    from recaudit.tui.blocks import Block
    from recaudit.tui.data.compare import Other

ALONE = """\
There is nothing to compare with: the file holds one model with one dictionary. Take another in with `recaudit ingest CHECKPOINT \
--data PATH --name NAME`, or compare two files with `recaudit diff A.duckdb B.duckdb`."""


class ComparePane(Pane):
    """A page of differences; the model in front is B."""

    HELP = """\
What changed from another model (A) to the one in front (B): numbers with intervals paired over users, concepts kept, split,
merged, lost and new, users whose lists changed most, latents matched above chance. `c` chooses what to compare with, `m` the
model in front.
"""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("compare")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._other: Other | None = None

    def compose(self) -> ComposeResult:
        yield Page()

    def load(self) -> None:
        """Compare again, or with the first there is."""
        self._ask_others(self._begin)

    def action_choose(self) -> None:
        """Choose the other side."""
        self._ask_others(self._choose)

    def _ask_others(self, then: Callable[[list[Other]], None]) -> None:
        subject = self.subject

        def question(audit: Audit) -> list[Other]:
            from recaudit.tui.data.compare import others

            return others(audit, subject)

        self.ask(question, then, group="others")

    def _begin(self, found: list[Other]) -> None:
        if not found:
            self._other = None
            self.query_one(Page).say(ALONE)
            return
        self._with(self._other if self._other in found else found[0])

    def _choose(self, found: list[Other]) -> None:
        if not found:
            self._begin(found)
            return
        at = found.index(self._other) if self._other in found else 0

        def chosen(number: int | None) -> None:
            if number is not None:
                self._with(found[number])

        self.app.push_screen(Choose("Compare with", [(str(one), "") for one in found], at), chosen)

    def _with(self, other: Other) -> None:
        self._other = other
        page, subject, blank = self.query_one(Page), self.subject, True
        page.say("Comparing …")

        def begin(stage: str) -> None:
            self.post_message(Answered(lambda _: page.say(f"Comparing: {stage} …") if blank else None, None))

        def question(audit: Audit) -> Iterator[Block]:
            from recaudit.tui.data.compare import blocks

            return blocks(audit, subject, other, begin)

        def show(block: Block) -> None:
            nonlocal blank
            if blank:
                page.show([])
            blank = False
            page.add(block)

        self.ask_parts(question, show, page.settle)
