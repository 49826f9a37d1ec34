"""A text to read, and a text to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Markdown, Static

from recaudit.errors import RecauditError
from recaudit.text import printable


class Reading(ModalScreen[None]):
    """Values in full, name by name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,space,q", "dismiss(None)", "Close"),
        Binding("j", "app.focused_scroll(1)", show=False),
    ]

    def __init__(self, title: str, pairs: list[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._pairs = pairs

    def compose(self) -> ComposeResult:
        with Vertical(classes="box wide"):
            yield Static(self._title, classes="box-title", markup=False)
            with VerticalScroll():
                for name, text in self._pairs:
                    yield Static(
                        Content.assemble((f"{name}\n", "$foreground-muted"), text or "–"), classes="pair"
                    )


class Help(ModalScreen[None]):
    """What the focused widget is and which keys work on it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "dismiss(None)", "Close"),
    ]

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self._markdown = markdown

    def compose(self) -> ComposeResult:
        with Vertical(classes="box wide"), VerticalScroll():
            yield Markdown(self._markdown)

    def on_mount(self) -> None:
        """So that arrows scroll."""
        self.query_one(VerticalScroll).focus()


def told(error: RecauditError) -> str:
    """What is wrong, and below it what to do."""
    return printable(error.message, 400) + (f"\n→ {printable(error.fix, 400)}" if error.fix else "")


class Writing(ModalScreen[str | None]):
    """One line to write. Dismissed with it, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Leave")]

    def __init__(
        self,
        title: str,
        text: str,
        *,
        hint: str = "",
        before: str = "",
        limit: int = 200,
        check: Callable[[str], object] | None = None,
    ) -> None:
        """Args:
        before: what is there now; the change is shown as a diff while one writes.
        check: raises ``RecauditError`` for what cannot be taken; its words are shown, and the line stays.
        """
        super().__init__()
        self._texts = (title, text, hint)
        self._before = before
        self._limit = limit
        self._check = check

    def compose(self) -> ComposeResult:
        title, text, hint = self._texts
        with Vertical(classes="box"):
            yield Static(title, classes="box-title", markup=False)
            yield Input(text, max_length=self._limit, compact=True)
            yield Static("", id="diff", markup=False)
            yield Static("", id="wrong", markup=False)
            yield Static(hint, classes="hint", markup=False)

    def on_mount(self) -> None:
        """Ready to write."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        new = event.value.strip()
        self.query_one("#wrong", Static).update("")
        if new == self._before:
            self.query_one("#diff", Static).update("no change")
            return
        lines = [(f"- {self._before}\n", "$text-error")] if self._before else []
        lines.append((f"+ {new}" if new else "+ (nothing)", "$text-success"))
        self.query_one("#diff", Static).update(Content.assemble(*lines))

    @on(Input.Submitted)
    def _written(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        try:
            if self._check is not None:
                self._check(text)
        except RecauditError as error:
            self.query_one("#wrong", Static).update(told(error))
        else:
            self.dismiss(text)
