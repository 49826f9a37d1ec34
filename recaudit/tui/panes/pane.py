"""What every tab is: it asks the audit about the subject in front, when it is first shown and when told to."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from recaudit.tui.asking import Asking
from recaudit.tui.host import Subject, host
from recaudit.tui.keys import bindings
from recaudit.tui.messages import GoTo, Put
from recaudit.tui.places import Kind, Place
from recaudit.tui.widgets.listing import Listing
from recaudit.tui.widgets.page import Page


class Pane(Asking, Vertical):
    """Subclasses compose their widgets and fill them in ``load``."""

    @property
    def subject(self) -> Subject:
        """The model and dictionary in front."""
        found = host(self).subject
        assert found is not None
        return found

    def on_mount(self) -> None:
        """Panes are made when they are first shown."""
        self.load()

    def load(self) -> None:
        """Ask for everything that is shown."""

    def show_place(self, key: str) -> None:
        """Show an entity."""

    def desk_changed(self) -> None:
        """Something was put on the desk from elsewhere."""

    def for_desk(self) -> Put | None:
        """What the entity in front puts on the desk, in panes with such entities."""
        return None

    def action_put(self, stay: bool) -> None:
        """Put it there, and go there unless one stays."""
        message = self.for_desk()
        if message is not None:
            message.stay = stay
            self.post_message(message)

    def leave(self) -> bool:
        """Close what is open over the pane's first sight; False where there is nothing."""
        return any(listing.leave() for listing in self.query(Listing))

    def focus_first(self) -> None:
        """Put the focus where work begins."""
        for widget in self.query("Table, Page"):
            if widget.focusable:
                widget.focus()
                return


class Split(Pane):
    """A list and, beside or over it, a page about the row under the cursor."""

    VIEW: ClassVar[str]
    KIND: ClassVar[Kind]
    EMPTY: ClassVar[str]
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("detail")]

    def compose(self) -> ComposeResult:
        with Horizontal(classes="split"):
            yield Listing(self.VIEW, empty=self.EMPTY)
            yield Page(classes="detail")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shown: str | None = None
        """Key of the entity whose page is shown."""
        self._wanted: str | None = None

    @property
    def listing(self) -> Listing:
        """The list."""
        return self.query_one(Listing)

    @property
    def page(self) -> Page:
        """The page beside it."""
        return self.query_one(Page)

    @property
    def in_front(self) -> str | None:
        """Key of the entity that is looked at: of the page, else of the row under the cursor."""
        key = self.shown if self.page.display else self.listing.key
        return None if key is None else str(key)

    def load(self) -> None:
        """The list again, and the page of what was shown."""
        shown, self.shown = self._wanted or self.shown, None
        self.listing.load(at=None if shown is None else self.list_key(shown))
        if shown is not None:
            self._open(shown)

    def list_key(self, key: str) -> Any:
        """A place's key as the list has it."""
        return key

    def show_place(self, key: str) -> None:
        """Show an entity: the cursor on it, its page open."""
        if not self.is_mounted or self.listing.listed is None:
            self._wanted = key
        self.add_class("-detail")
        self.listing.select(self.list_key(key))
        self._open(key)
        self.page.focus()

    def _open(self, key: str) -> None:
        self._wanted = None
        if key == self.shown:
            return
        self.shown = key
        self.page.show([])
        self.open(key)

    def open(self, key: str) -> None:
        """Ask for the page of an entity."""

    @on(Listing.Opened)
    def _opened(self, event: Listing.Opened) -> None:
        event.stop()
        key = str(event.key)
        if not event.quietly:
            self.post_message(GoTo(Place(self.KIND, key)))
        elif self.page.display:  # where the list has the screen to itself, nobody sees the page
            self._open(key)

    def action_step(self, step: int) -> None:
        """The next or the previous entity of the list, its page open."""
        table = self.listing.table
        if step > 0:
            table.action_cursor_down()
        else:
            table.action_cursor_up()
        key = self.listing.key
        if key is not None:
            self._open(str(key))

    def leave(self) -> bool:
        """From the page back to the list where they share the screen; else as every pane."""
        if self.page.has_focus and self.has_class("-detail"):
            return False
        return super().leave()

    def close_detail(self) -> None:
        """Back to the list."""
        self.remove_class("-detail")
        self.listing.table.focus()
