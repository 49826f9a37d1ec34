"""A problem in words, with what to do about it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class Problem(ModalScreen[bool]):
    """Dismissed with True for another try."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Close"),
        Binding("r", "retry", "Try again"),
    ]

    def __init__(self, title: str, message: str, fix: str, *, retry: bool) -> None:
        super().__init__()
        self._texts = (title, message, fix)
        self._retry = retry

    def compose(self) -> ComposeResult:
        title, message, fix = self._texts
        with Vertical(classes="box problem"):
            yield Static(title, classes="box-title", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(message, markup=False)
                if fix:
                    yield Static(f"→ {fix}", classes="fix", markup=False)
            with Horizontal(classes="buttons"):
                if self._retry:
                    yield Button("Try again", id="retry", variant="primary", compact=True)
                yield Button("Close", id="close", compact=True)

    def action_retry(self) -> None:
        """Once more."""
        if self._retry:
            self.dismiss(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "retry")
