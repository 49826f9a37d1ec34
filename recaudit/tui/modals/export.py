"""Where to export a view to, and in which form."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

FORMS = ("csv", "json", "parquet")


class Export(ModalScreen[Path | None]):
    """Dismissed with a path that ends in one of ``FORMS``, or None. A file that is there asks once more."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Leave"),
        Binding("tab", "form", "Next form", priority=True),
    ]

    def __init__(self, name: str, rows: int) -> None:
        super().__init__()
        self._view = name
        self._rows = rows
        self._asked = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Static(f"Export {self._rows:,} rows of {self._view}", classes="box-title", markup=False)
            yield Input(f"{self._view}.csv", compact=True)
            yield Static("Tab: csv, json, parquet. Enter writes.", classes="hint", markup=False)

    def on_mount(self) -> None:
        """Ready to write."""
        self.query_one(Input).focus()

    def action_form(self) -> None:
        """The next form of file."""
        path = Path(str(self.query_one(Input).value or self._view))
        form = path.suffix[1:]
        following = FORMS[(FORMS.index(form) + 1) % len(FORMS)] if form in FORMS else FORMS[0]
        self.query_one(Input).value = str(path.with_suffix(f".{following}"))

    @on(Input.Submitted)
    def _written(self, event: Input.Submitted) -> None:
        event.stop()
        path = Path(event.value.strip()).expanduser()
        hint = self.query_one(".hint", Static)
        if path.suffix[1:] not in FORMS:
            hint.update(f"End the name in .csv, .json or .parquet, not {path.suffix or 'nothing'}")
        elif not path.absolute().parent.is_dir():
            hint.update(f"There is no folder {path.absolute().parent}")
        elif path.exists() and self._asked != event.value:
            self._asked = event.value
            hint.update(f"{path.name} is there already: Enter once more to replace it")
        else:
            self.dismiss(path)
