"""Jump mode: a letter is drawn on everything that can take the focus; pressing it goes there."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static, Tab

LETTERS = "asdfghjklqwertyuiopzxcvbnm"
"""The home row first."""


class Jump(ModalScreen[Widget | None]):
    """Dismissed with the target, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Leave", show=False)]

    def __init__(self, targets: list[Widget]) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, targets, strict=False))

    def compose(self) -> ComposeResult:
        for letter, target in self._targets.items():
            label = Static(letter.upper(), classes="jump", markup=False)
            region = target.region
            label.absolute_offset = Offset(region.x, region.y)
            yield label

    def on_key(self, event: events.Key) -> None:
        """A letter goes to its target; anything else leaves."""
        event.stop()
        event.prevent_default()
        self.dismiss(self._targets.get(event.key.lower()))

    def on_click(self) -> None:
        """Leave."""
        self.dismiss(None)


def targets(screen: Widget) -> list[Widget]:
    """What can be jumped to, from the top left: tabs, and widgets that take the focus."""
    found = [
        widget
        for widget in screen.query("Tab, Table, Page, Input, TextArea, Button, DataTable, OptionList")
        if widget.display and widget.region.area and (isinstance(widget, Tab) or widget.focusable)
    ]
    unique = list(dict.fromkeys(found))
    return sorted(unique, key=lambda widget: (widget.region.y, widget.region.x))
