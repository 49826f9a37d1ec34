"""A list that the database sorts, filters and pages; the widget holds one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import DataTable, Input, Static

from recaudit.tui.asking import Asking
from recaudit.tui.blocks import GAP, Block, Row, fitted
from recaudit.tui.filtering import FilterError
from recaudit.tui.host import host
from recaudit.tui.keys import bindings
from recaudit.tui.messages import Told
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    import pandas as pd

    from recaudit.store import Audit
    from recaudit.tui.data.lists import Listed

REST = 0.12
"""Seconds the cursor rests on a row before its detail is asked for."""


class Table(DataTable[Text]):
    """Says when the cursor wants past an end."""

    @dataclass
    class Past(Message):
        """``step`` pages further; ``row`` is where the cursor goes: first or last."""

        step: int

    @dataclass
    class Headed(Message):
        """The head of a column was clicked."""

        column: str

    ends: Sequence[tuple[int, str]] = ()
    """Cell behind each column, and the column's name."""

    def on_click(self, event: events.Click) -> None:
        """The head is one cell for Textual; which column is meant is told by where it was hit."""
        at = event.get_content_offset(self)
        if at is not None and at.y == 0:
            column = next((name for end, name in self.ends if at.x < end), None)
            if column is not None:
                self.post_message(self.Headed(column))

    def action_cursor_down(self) -> None:
        if self.cursor_row >= self.row_count - 1:
            self.post_message(self.Past(1))
        else:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        if self.cursor_row <= 0:
            self.post_message(self.Past(-1))
        else:
            super().action_cursor_up()

    def action_page_down(self) -> None:
        if self.cursor_row >= self.row_count - 1:
            self.post_message(self.Past(1))
        else:
            super().action_page_down()

    def action_page_up(self) -> None:
        if self.cursor_row <= 0:
            self.post_message(self.Past(-1))
        else:
            super().action_page_up()


class Listing(Asking, Vertical):
    """One of ``data.lists.VIEWS`` as a table with a filter above it."""

    HELP = """\
A list. `/` filters it, `s` sorts, `S` turns the order round, `Enter` opens the row; past the last row comes the next
page.

A filter is terms that must all hold: `density>0.01`, `label:horror` (part of a text), `label=Horror` (all of it),
`"two words"`, `is:named`, `-is:dead` (not), `pop>0.3`, `conf>=80%`.
"""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    @dataclass
    class Opened(Message):
        """A row was chosen. ``key`` names its entity; ``quietly``: the cursor only rests on it."""

        listing: Listing
        key: Any
        quietly: bool

        @property
        def control(self) -> Listing:
            return self.listing

    @dataclass
    class Sorting(Message):
        """A column to sort by is to be chosen among these."""

        listing: Listing
        fields: list[tuple[str, str]]

    def __init__(self, view: str, *, empty: str, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = view
        self.empty = empty
        self.filter = ""
        self.order: str | None = None
        self.descending: bool | None = None
        self.listed: Listed | None = None
        self._filled_for = 0

    def compose(self) -> ComposeResult:
        yield Input(
            placeholder="density>0.01 label:horror is:named",
            compact=True,
            classes="filter",
            select_on_focus=False,
        )
        yield Static("", classes="filter-problem", markup=False)
        yield Table(cursor_type="row", cell_padding=1, zebra_stripes=False)
        yield Static("", classes="empty", markup=False)

    @property
    def table(self) -> Table:
        """The page in front."""
        return self.query_one(Table)

    @property
    def key(self) -> Any:
        """Of the row under the cursor; None for an empty list."""
        keys = self.listed.keys if self.listed else []
        row = self.table.cursor_row
        return keys[row] if 0 <= row < len(keys) else None

    def load(self, *, offset: int = 0, at: Any = None, last: bool = False, open_: bool = False) -> None:
        """Ask for a page.

        Args:
            at: the page that holds this key, the cursor on it.
            last: put the cursor on the last row.
            open_: open the row the cursor lands on, as Enter would.
        """
        from functools import partial

        self.ask(
            partial(_ask, self, offset, at),
            partial(self._show, last=last, open_=open_),
            group="list",
        )

    def select(self, key: Any) -> None:
        """Put the cursor on an entity; a filter that hides it goes."""
        if self.listed and key in self.listed.keys:
            self.table.move_cursor(row=self.listed.keys.index(key))
            return
        self.load(at=key)

    def _show(self, found: Listed | FilterProblem, *, last: bool, open_: bool) -> None:
        problem = self.query_one(".filter-problem", Static)
        if isinstance(found, FilterProblem):
            problem.update(f"{' ' * (found.position + 1)}▲ {found.message}")
            problem.add_class("-shown")
            return
        problem.remove_class("-shown")
        if found.wanted.at is not None and found.wanted.at not in found.keys and self.filter:
            self.filter = self.query_one(Input).value = ""
            self.query_one(Input).remove_class("-shown")
            self.load(at=found.wanted.at, open_=open_)
            return
        self.listed = found
        self.query_one(Input).suggester = SuggestFromList(_suggestions(found), case_sensitive=False)
        self._fill(found)
        table = self.table
        self.set_class(not found.keys, "-empty")
        if not found.keys:
            self.query_one(".empty", Static).update(
                "No row passes the filter. Escape clears it." if found.total else self.empty
            )
        else:
            table.move_cursor(row=len(found.keys) - 1 if last else found.cursor, animate=False)
        self._tell()
        if open_ and self.key is not None:
            self.post_message(self.Opened(self, self.key, False))
        elif self.key is not None:
            self.post_message(self.Opened(self, self.key, True))

    def _fill(self, found: Listed) -> None:
        """The columns that fit, from the left; a row's others are shown by space and on its page.

        A row is one cell of the table: Textual measures and paints cell by cell, and that is most of a page's time.
        """
        table = self.table
        self._filled_for = table.size.width
        marks = {found.order: "▼" if found.descending else "▲"}
        columns = tuple(
            replace(column, name=column.name + marks.get(column.name, "")) for column in found.columns
        )
        rows = tuple(Row(cells, ()) for cells in found.cells)
        width = max(table.size.width - 2 * GAP, 20)
        fit = fitted(Block("", "", columns=columns, rows=rows), width, spare=())

        def line(cells: Sequence[str]) -> Text:
            return Text("".join(text for text, _ in fit.line(cells, columns)), no_wrap=True)

        table.clear(columns=True)
        table.add_column(line([column.name for column in columns]), width=width)
        for cells, key in zip(found.cells, found.keys, strict=True):
            table.add_row(line(cells), key=str(key))
        ends = list(accumulate(width + GAP for width in fit.widths))
        table.ends = [(end, found.columns[place].name) for end, place in zip(ends, fit.places, strict=True)]

    def on_resize(self) -> None:
        """Other columns may fit now."""
        if self.listed and self.table.size.width != self._filled_for:
            row = self.table.cursor_row
            self._fill(self.listed)
            self.table.move_cursor(row=row, animate=False)

    def _tell(self) -> None:
        found = self.listed
        if found is None:
            return
        rows = (
            "no rows"
            if not found.matched
            else f"{found.offset + self.table.cursor_row + 1:,} of {found.matched:,}"
        )
        if found.matched < found.total:
            rows += f", filtered from {found.total:,}"
        self.post_message(Told(self.filter, rows))

    @on(Table.Past)
    def _past(self, event: Table.Past) -> None:
        event.stop()
        found = self.listed
        if found is None:
            return
        offset = found.offset + event.step * found.wanted.size
        if 0 <= offset < found.matched:
            self.load(offset=offset, last=event.step < 0)

    @on(DataTable.RowHighlighted)
    def _rests(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._tell()
        key = self.key
        if key is not None:
            self.set_timer(REST, lambda: self._rested(key))

    def _rested(self, key: Any) -> None:
        if self.key == key:
            self.post_message(self.Opened(self, key, True))

    @on(DataTable.RowSelected)
    def _selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if self.key is not None:
            self.post_message(self.Opened(self, self.key, False))

    @on(Table.Headed)
    def _header(self, event: Table.Headed) -> None:
        event.stop()
        self.sort_by(event.column)

    def sort_by(self, field: str) -> None:
        """Sort by a field; again, the other way round."""
        if self.listed and self.listed.order == field:
            self.descending = not self.listed.descending
        else:
            self.order, self.descending = field, None
        self.load()

    def action_sort(self) -> None:
        """Let a column be chosen."""
        if self.listed:
            fields = [(name, about) for name, kind, about in self.listed.fields if kind != "flag"]
            self.post_message(self.Sorting(self, fields))

    def action_reverse(self) -> None:
        """Turn the order round."""
        if self.listed:
            self.sort_by(self.listed.order)

    def action_filter(self) -> None:
        """To the filter."""
        box = self.query_one(Input)
        box.add_class("-shown")
        box.focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self.filter:
            self.filter = event.value
            self.load()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.table.focus()

    def leave(self) -> bool:
        """Leave the filter, or clear it; False where there is nothing to leave."""
        box = self.query_one(Input)
        if box.has_focus and self.filter:
            self.table.focus()
            return True
        if box.has_focus or self.filter:
            box.remove_class("-shown")
            self.table.focus()
            if self.filter:
                self.filter = box.value = ""
                self.load()
            return True
        return False

    def action_first(self) -> None:
        """First row of all."""
        if self.listed and self.listed.offset:
            self.load()
        else:
            self.table.move_cursor(row=0)

    def action_last(self) -> None:
        """Last row of all."""
        found = self.listed
        if found is None or not found.matched:
            return
        offset = (found.matched - 1) // found.wanted.size * found.wanted.size
        if offset == found.offset:
            self.table.move_cursor(row=len(found.keys) - 1)
        else:
            self.load(offset=offset, last=True)

    def action_cursor_down(self) -> None:
        self.table.action_cursor_down()

    def action_cursor_up(self) -> None:
        self.table.action_cursor_up()

    def action_scroll_left(self) -> None:
        self.table.action_scroll_left()

    def action_scroll_right(self) -> None:
        self.table.action_scroll_right()

    def action_whole(self) -> None:
        """Show the row whole."""
        found, row = self.listed, self.table.cursor_row
        if found and 0 <= row < len(found.rows):
            pairs = [
                (column.name, "" if value is None else str(value))
                for column, value in zip(found.columns, found.rows[row], strict=True)
            ]
            self.post_message(Page.Whole(f"{self.view} {found.keys[row]}", pairs))

    def copies(self) -> list[tuple[str, str]]:
        """What can be copied: the row, each value, the SQL of the page."""
        found, row = self.listed, self.table.cursor_row
        if found is None:
            return []
        choices: list[tuple[str, str]] = []
        if 0 <= row < len(found.rows):
            texts = ["" if value is None else str(value) for value in found.rows[row]]
            choices.append(("row, tab-separated", "\t".join(texts)))
            choices += [
                (f"{column.name}: {text}", text)
                for column, text in zip(found.columns, texts, strict=True)
                if text
            ]
        return [*choices, ("SQL of this page", found.sql)]

    def export(self) -> Exporting | None:
        """The whole filtered list, not only this page."""
        found, subject = self.listed, host(self).subject
        if found is None or subject is None:
            return None

        def all_rows(audit: Audit) -> pd.DataFrame:
            from recaudit.tui.data.lists import everything

            return everything(audit, subject, found.wanted)

        return Exporting(self.view, found.matched, all_rows)


@dataclass(frozen=True)
class Exporting:
    """A list to be exported: its name, rows, and how to get them."""

    name: str
    rows: int
    ask: Any


@dataclass(frozen=True)
class FilterProblem:
    """What is wrong with a filter, and where."""

    message: str
    position: int


def _ask(listing: Listing, offset: int, at: Any, audit: Audit) -> Listed | FilterProblem:
    from recaudit.tui.data.lists import Wanted, listed

    subject = host(listing).subject
    assert subject is not None
    wanted = Wanted(listing.view, listing.filter, listing.order, listing.descending, offset, at=at)
    try:
        return listed(audit, subject, wanted)
    except FilterError as error:
        return FilterProblem(error.message, error.position)


def _suggestions(found: Listed) -> list[str]:
    return [
        f"is:{name}" if kind == "flag" else f"{name}:" if kind == "text" else f"{name}>"
        for name, kind, _ in found.fields
    ]
