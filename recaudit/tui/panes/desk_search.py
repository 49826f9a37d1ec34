"""The search for the cheapest edit, beside the desk."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from textual import on
from textual.worker import get_current_worker

from recaudit.errors import RecauditError, UsageError
from recaudit.tui import desk
from recaudit.tui.desk import Desk, Question
from recaudit.tui.host import host
from recaudit.tui.messages import Answered, Troubled
from recaudit.tui.modals.choose import Choose
from recaudit.tui.modals.text import Writing
from recaudit.tui.panes.desk import DeskPane, number
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    from recaudit.interventions.search import Found
    from recaudit.store import Audit
    from recaudit.tui.blocks import Block


class Searching(DeskPane):
    """A desk that searches."""

    found: Found | None = None

    def action_debias(self) -> None:
        """Choose what to search for."""
        subject = self.subject

        def question(audit: Audit) -> list[tuple[str, str]]:
            from recaudit.tui.data.search import targets

            return targets(audit, subject)

        def choose(found: list[tuple[str, str]]) -> None:
            choices = [*found, ("concept …", "fewer of its items in lists")]

            def chosen(number: int | None) -> None:
                if number is None:
                    return
                if number < len(found):
                    self._max_loss(found[number][0])
                else:
                    self._concept()

            self.app.push_screen(Choose("Search for the cheapest edit against", choices), chosen)

        self.ask(question, choose, group="targets")

    def _concept(self) -> None:
        def written(name: str | None) -> None:
            if name:
                self._max_loss(f"concept:{name}")

        self.app.push_screen(Writing("Which concept?", "", hint="Such as Horror, or genre:Horror."), written)

    def _max_loss(self, target: str) -> None:
        def written(text: str | None) -> None:
            if text is not None:
                self._search(target, _share(text))

        hint = "Share of NDCG@10 that may be lost, such as 1%."
        self.app.push_screen(Writing(f"{target}: at most which loss?", "1%", hint=hint, check=_share), written)  # fmt: skip

    def _search(self, target: str, max_loss: float) -> None:
        self.over = "search"
        self.lists.border_title = f"Search: {target}"
        self._progress((0, 1))

        def work() -> None:
            from recaudit.tui.data.search import Cancelled, blocks, search, watched_by
            from recaudit.tui.data.steer import Engine

            worker = get_current_worker()

            def progress(done: int, total: int) -> None:
                if worker.is_cancelled:
                    raise Cancelled
                self.post_message(Answered(self._progress, (done, total)))

            with suppress(Cancelled):
                try:
                    engine = Engine(host(self).session, self.subject)
                    steering, _ = engine.ready(Question(Desk(), watched=watched_by(target)))
                    found = search(steering, target, max_loss, progress)
                    self.post_message(Answered(self._searched, (found, blocks(found))))
                except RecauditError as error:
                    self.post_message(Answered(self._front_of, error))

        self.run_worker(work, thread=True, exclusive=True, group="search", exit_on_error=False)

    def _front_of(self, error: RecauditError) -> None:
        self.show_lists()
        self.post_message(Troubled(error))

    def _progress(self, done: tuple[int, int]) -> None:
        if self.over == "search":
            width = 30
            full = round(done[0] / done[1] * width)
            bar = "━" * full + "─" * (width - full)
            self.lists.say(f"{bar} {done[0]} of {done[1]} points tried. Escape ends the search.")

    def _searched(self, found: tuple[Found, list[Block]]) -> None:
        self.found, self.over = found[0], "search"
        self.lists.show(found[1])
        self.lists.focus()

    def leave(self) -> bool:
        """End a search that runs."""
        for worker in self.workers:
            if worker.node is self and worker.group == "search":
                worker.cancel()
        return super().leave()

    @on(Page.Taken)
    def _take_found(self, event: Page.Taken) -> None:
        if event.what != "search" or self.found is None:
            return
        from recaudit.tui.data.search import best

        edit = best(self.found).intervention
        assert edit is not None
        self.over = ""
        self.change_to(desk.of_intervention(edit), at=0)
        self.sliders.focus()


def _share(text: str) -> float:
    value = number(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= value < 1:
        raise UsageError(f"{text} is no share below 1", fix="write a percentage, such as 1%")
    return value
