"""A query of one's own on the audit file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Static, TextArea

from recaudit.errors import UsageError
from recaudit.tui.keys import bindings
from recaudit.tui.messages import Told
from recaudit.tui.panes.pane import Pane
from recaudit.tui.widgets.listing import Exporting
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    import pandas as pd

    from recaudit.store import Audit
    from recaudit.tui.data.sql import Result


class Answer(DataTable[Text]):
    """The rows of the last query."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]

    def action_first(self) -> None:
        """First row."""
        self.move_cursor(row=0)

    def action_last(self) -> None:
        """Last row."""
        self.move_cursor(row=self.row_count - 1)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A result is sorted and filtered by changing the query."""
        return False if action in {"filter", "sort", "reverse"} else super().check_action(action, parameters)

    def action_whole(self) -> None:
        """The row whole."""
        pane = next(node for node in self.ancestors if isinstance(node, SqlPane))
        if pane.result is not None and 0 <= self.cursor_row < len(pane.result.rows):
            pairs = list(
                zip(
                    [c.name for c in pane.result.columns],
                    map(_text, pane.result.rows[self.cursor_row]),
                    strict=True,
                )
            )
            self.post_message(Page.Whole("Row", pairs))

    def on_focus(self) -> None:
        """The status line speaks of the result."""
        pane = next(node for node in self.ancestors if isinstance(node, SqlPane))
        pane.tell()


class SqlPane(Pane):
    """Above a query, below its rows. Read-only; nothing outside the file can be reached."""

    HELP = """\
Any query on the audit file, read-only. `ctrl+r` or `F5` runs it, `F2` lists the tables, `tab` goes between query and
result. The first 500 rows are shown; `e` on the result exports all of them.
"""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("sql")]
    FIRST = "SELECT metric, slice, value, low, high, n FROM metrics ORDER BY metric LIMIT 100"

    @dataclass
    class Failed:
        """What the database said."""

        message: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.result: Result | None = None

    def compose(self) -> ComposeResult:
        yield TextArea(
            self.FIRST, tab_behavior="focus", compact=True, id="query", highlight_cursor_line=False
        )
        yield Static("", id="sql-said", markup=False)
        yield Answer(cursor_type="row", id="answer")

    def load(self) -> None:
        """The tables, until a query is run."""
        if self.result is None:
            self.action_tables()
        else:
            self.action_run()

    def focus_first(self) -> None:
        """On the query."""
        self.query_one(TextArea).focus()

    def action_run(self) -> None:
        """Run the query."""
        self.ask(partial(_run, self.query_one(TextArea).text), self._show, group="sql")

    def action_tables(self) -> None:
        """List the tables."""

        def question(audit: Audit) -> Result:
            from recaudit.tui.data.sql import tables

            return tables(audit)

        self.ask(question, self._show, group="sql")

    def _show(self, found: Result | Failed) -> None:
        said = self.query_one("#sql-said", Static)
        said.set_class(isinstance(found, SqlPane.Failed), "-failed")
        if isinstance(found, SqlPane.Failed):
            said.update(found.message)
            return
        self.result = found
        more = "the first " if found.more else ""
        said.update(f"{more}{len(found.rows):,} rows in {found.seconds:.2f} s")
        answer = self.query_one(Answer)
        answer.clear(columns=True)
        for column in found.columns:
            answer.add_column(Text(column.name, justify="right" if column.right else "left"))
        for cells in found.cells:
            answer.add_row(
                *(
                    Text(cell, justify="right" if column.right else "left", no_wrap=True)
                    for cell, column in zip(cells, found.columns, strict=True)
                )
            )
        self.tell()

    def tell(self) -> None:
        """Rows of the result, in the status line."""
        if self.result is not None:
            plus = "+" if self.result.more else ""
            self.post_message(Told("", f"{len(self.result.rows):,}{plus} rows"))

    @on(DataTable.RowHighlighted)
    def _moved(self, event: DataTable.RowHighlighted) -> None:
        event.stop()

    def copies(self) -> list[tuple[str, str]]:
        """What can be copied: the row under the cursor, its values, the query."""
        found, answer = self.result, self.query_one(Answer)
        if found is None:
            return []
        choices: list[tuple[str, str]] = []
        if 0 <= answer.cursor_row < len(found.rows):
            texts = [_text(value) for value in found.rows[answer.cursor_row]]
            choices.append(("row, tab-separated", "\t".join(texts)))
            choices += [
                (f"{c.name}: {text}", text) for c, text in zip(found.columns, texts, strict=True) if text
            ]
        return [*choices, ("SQL", found.query)]

    def export(self) -> Exporting | None:
        """All rows of the query."""
        found = self.result
        if found is None:
            return None

        def all_rows(audit: Audit) -> pd.DataFrame:
            return audit.frame(found.query)

        return Exporting("query", len(found.rows), all_rows)


def _run(query: str, audit: Audit) -> Result | SqlPane.Failed:
    from recaudit.tui.data.sql import run

    try:
        return run(audit, query)
    except UsageError as error:
        return SqlPane.Failed(f"{error.message}. {error.fix}")


def _text(value: Any) -> str:
    return "" if value is None else str(value)
