"""What is about to be written, as a diff against what is there."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from recaudit.errors import RecauditError
from recaudit.text import printable
from recaudit.tui.modals.text import told

STYLES = {"+": "$text-success", "-": "$text-error", "@": "$foreground-muted"}


class Review(ModalScreen[str | None]):
    """Dismissed with the name to write under, or None. The diff follows the name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave"),
        Binding("down", "scroll(1)", show=False, priority=True),
        Binding("up", "scroll(-1)", show=False, priority=True),
    ]

    def __init__(
        self, title: str, name: str, text: str, there: Callable[[str], str | None], *, hint: str
    ) -> None:
        """Args:
        text: what will be written.
        there: name to what is there now, None for nothing; raises ``RecauditError`` for a name that cannot be.
        """
        super().__init__()
        self._texts = (title, name, hint)
        self._new = text
        self._there = there

    def compose(self) -> ComposeResult:
        title, name, hint = self._texts
        with Vertical(classes="box wide"):
            yield Static(title, classes="box-title", markup=False)
            yield Input(name, compact=True, select_on_focus=False)
            with VerticalScroll(can_focus=False, classes="diff"):
                yield Static("", id="diff", markup=False)
            yield Static("", id="wrong", markup=False)
            yield Static(hint, classes="hint", markup=False)

    def on_mount(self) -> None:
        """Ready to write."""
        self.query_one(Input).focus()

    def action_scroll(self, step: int) -> None:
        """The diff may be longer than the screen."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)

    @on(Input.Changed)
    def _named(self, event: Input.Changed) -> None:
        event.stop()
        said, diff = "", Content("")
        try:
            diff = difference(self._there(event.value.strip()), self._new)
        except RecauditError as error:
            said = told(error)
        self.query_one("#wrong", Static).update(said)
        self.query_one("#diff", Static).update(diff)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        name = event.value.strip()
        try:
            self._there(name)
        except RecauditError:
            return
        self.dismiss(name)


def difference(before: str | None, after: str) -> Content:
    """A unified diff; everything is new where nothing was there."""
    lines = list(difflib.unified_diff((before or "").splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    if not lines:
        return Content.styled("the same is there already", "$foreground-muted")
    head = "" if before is None else "what is there will be replaced:\n"
    parts = [Content.styled(head, "$text-warning")]
    for line in lines:
        parts.append(Content.styled(printable(line, 200) + "\n", STYLES.get(line[:1], "")))
    return Content("").join(parts)
