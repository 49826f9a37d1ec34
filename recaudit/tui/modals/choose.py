"""A short list to choose one of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

T = TypeVar("T")


class Choose(ModalScreen[int | None]):
    """Dismissed with the number of the choice, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Close"),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], at: int = 0) -> None:
        """Args:
        choices: text and a quieter word beside it.
        """
        super().__init__()
        self._title = title
        self._choices = choices
        self._at = at

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(self._title, classes="box-title", markup=False)
            options = [
                Option(Content.assemble(text, (f"  {quiet}" if quiet else "", "$foreground-muted")))
                for text, quiet in self._choices
            ]
            yield OptionList(*options, compact=True)

    def on_mount(self) -> None:
        """The cursor on what is chosen now."""
        chosen = self.query_one(OptionList)
        if self._choices:
            chosen.highlighted = self._at
        chosen.focus()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_index)

    def action_move(self, step: int) -> None:
        """Up and down with letters."""
        options = self.query_one(OptionList)
        if step > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()
