"""A page: tables and drawings below each other, walked row by row, with links."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from recaudit.tui.blocks import Block, Row, fitted, wrapped
from recaudit.tui.keys import bindings
from recaudit.tui.messages import GoTo
from recaudit.tui.places import Place
from recaudit.tui.widgets.lines import Lines, Part

HEAD = "bold $text-primary"
QUIET = "$foreground-muted"
CLOSELY = 0.05
"""Seconds within which blocks that are added are painted together: each time costs a layout and all that is seen."""


class Page(OptionList):
    """Show ``Block``s. Enter follows a row's link; several are offered to choose from."""

    HELP = """\
Tables and drawings about one thing. Move by row with `j` and `k`, by table with `J` and `K`. `Enter` follows the link
of a row to a latent, concept, user or item; `Escape` comes back. `space` shows a row whole, `y` copies it or the SQL
behind it, `e` exports its table.
"""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("page")]

    @dataclass
    class Choose(Message):
        """A row leads to several places."""

        places: tuple[Place, ...]

    @dataclass
    class Whole(Message):
        """A row is to be shown whole: names with their full values."""

        title: str
        pairs: list[tuple[str, str]]

    @dataclass
    class Taken(Message):
        """A row was chosen whose meaning its pane knows (``Row.take``)."""

        what: str

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self.blocks: list[Block] = []
        self._behind: dict[int, tuple[Block, Row | None]] = {}
        self._above: dict[int, int] = {}
        """Lines of heading and drawing above each block's first place."""
        self._drawn_for = 0
        self._due: list[Block] = []
        self._soon: Timer | None = None

    def show(self, blocks: Iterable[Block], *, keep: bool = False) -> None:
        """Show these blocks instead, from the top; or where one was, with ``keep``."""
        self.blocks, self._due = list(blocks), []
        self._draw(keep=keep)

    def add(self, block: Block) -> None:
        """Append a block: the first at once, those that follow it closely together."""
        self.blocks.append(block)
        self._due.append(block)
        if len(self.blocks) == 1:
            self.settle()
        elif self._soon is None:
            self._soon = self.set_timer(CLOSELY, self.settle)

    def settle(self) -> None:
        """Show what was added."""
        if self._soon is not None:
            self._soon.stop()
            self._soon = None
        due, self._due = self._due, []
        if not self._width or not due:
            return
        options: list[Option] = []
        for block in due:
            options += self._options_of(block, self.option_count + len(options))
        self.add_options(options)
        if self.highlighted is None:
            self._top()

    def say(self, text: str) -> None:
        """Show one sentence instead of everything."""
        self.show([Block("said", "", caption=text)])

    @property
    def behind(self) -> tuple[Block, Row | None] | None:
        """Block and row under the cursor; the first block where there is none."""
        found = self._behind.get(-1 if self.highlighted is None else self.highlighted)
        return found or next(((block, None) for block in self.blocks), None)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def on_resize(self, event: events.Resize) -> None:
        if self._width != self._drawn_for:
            self._draw(keep=True)

    def _draw(self, *, keep: bool) -> None:
        if not self._width:
            return
        place, scrolled = (self.highlighted, self.scroll_y) if keep else (None, 0)
        self._drawn_for, self._due = self._width, []
        self._behind.clear()
        self._above.clear()
        options: list[Option] = []
        for block in self.blocks:
            options += self._options_of(block, len(options))
        self.set_options(options)  # all at once: a page of as many lines as before keeps its layout
        if place is not None and place < self.option_count:
            self.highlighted = place
            self.scroll_to(y=scrolled, animate=False)
        else:
            self._top()

    def _top(self) -> None:
        self.highlighted = None
        self.action_first()
        self.scroll_home(animate=False)

    def _options_of(self, block: Block, first: int) -> list[Option]:
        """The block as options, the first of them in the place ``first``; what is behind them is noted."""
        width = self._width
        head: list[list[Part]] = []
        if first:
            head.append([])
        if block.title:
            head += [[(line, HEAD)] for line in wrapped(block.title, width)]
        if block.caption:
            head += [[(line, QUIET)] for line in wrapped(block.caption, width)]
        for sentence in block.sentences:
            lines = wrapped(sentence, width - 2)
            head += [[(("  " if number else "") + line, "")] for number, line in enumerate(lines)]
        options: list[Option] = []
        fit = fitted(block, width) if block.rows else None
        if fit is not None and block.headed:
            names = [column.name for column in block.columns]
            head.append([(text, QUIET) for text, _ in fit.line(names, block.columns)])
        if head:
            options.append(Option(Lines(head), disabled=True))
        above = len(head) - bool(first)
        if block.draw is not None:
            # The drawing itself takes no cursor: a block of cursor colour would hide its dots.
            drawn = block.draw(width)
            options.append(Option(Lines([[(line, "$primary")] for line in drawn]), disabled=True))
            above += len(drawn)
        self._above[first + len(options)] = above
        if block.draw is not None:
            self._behind[first + len(options)] = (block, None)
            below = wrapped(block.below or "drawn from the rows of its SQL", width)
            options.append(Option(Lines([[(line, QUIET)] for line in below])))
        for row in block.rows if fit is not None else ():
            line = [(text, style or row.style) for text, style in fit.line(row.cells, block.columns)]  # type: ignore[union-attr]
            self._behind[first + len(options)] = (block, row)
            options.append(Option(Lines([line])))
        if block.rows and block.shown_of > len(block.rows):
            said = f"{len(block.rows):,} of {block.shown_of:,} shown"
            options.append(Option(Lines([[(said, QUIET)]]), disabled=True))
        return options

    @on(OptionList.OptionSelected)
    def _follow(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        found = self._behind.get(event.option_index)
        places = found[1].places if found and found[1] else ()
        if len(places) == 1:
            self.post_message(GoTo(places[0]))
        elif places:
            self.post_message(self.Choose(places))
        elif found and found[1] and found[1].take:
            self.post_message(self.Taken(found[1].take))
        else:
            self.action_whole()

    def action_whole(self) -> None:
        """Show the row under the cursor whole."""
        block, row = self.behind or (None, None)
        if block is not None and row is not None:
            pairs = [
                (column.name or "·", _written(value))
                for column, value in zip(block.columns, row.values, strict=True)
            ]
            self.post_message(self.Whole(block.title, pairs))

    def scroll_to_highlight(self, top: bool = False) -> None:
        """As the list does it; the first row brings what stands above it into sight."""
        super().scroll_to_highlight(top)
        if self.highlighted is not None and self.highlighted == min(self._behind, default=-1):
            self.scroll_home(animate=False)

    def action_next_block(self) -> None:
        """To the next block: its first row, under its heading."""
        self._to_block(1)

    def action_previous_block(self) -> None:
        """To the block before, likewise."""
        self._to_block(-1)

    def _to_block(self, step: int) -> None:
        starts: list[int] = []
        before: Block | None = None
        for place, (block, _) in sorted(self._behind.items()):
            if block is not before:
                starts.append(place)
            before = block
        at = self.highlighted if self.highlighted is not None else -1
        wanted = [s for s in starts if s > at] if step > 0 else [s for s in reversed(starts) if s < at]
        if wanted:
            self.highlighted = wanted[0]
            if wanted[0] != starts[0]:
                self.scroll_to_highlight(top=True)
                above = min(self._above[wanted[0]], self.scrollable_content_region.height - 1)
                self.scroll_relative(y=-above, animate=False, immediate=True)

    def copies(self) -> list[tuple[str, str]]:
        """What can be copied: the row, each of its values, the SQL."""
        found = self.behind
        if found is None:
            return []
        block, row = found
        choices: list[tuple[str, str]] = []
        if row is not None:
            texts = [_written(value) for value in row.values]
            choices.append(("row, tab-separated", "\t".join(texts)))
            choices += [
                (f"{column.name or 'bar'}: {text}", text)
                for column, text in zip(block.columns, texts, strict=True)
                if text and column.name
            ]
        if block.sql:
            choices.append(("SQL behind the table", block.sql))
        return choices

    def export(self) -> tuple[str, list[str], list[tuple[Any, ...]]] | None:
        """Name, columns and rows of the table under the cursor."""
        found = self.behind
        if found is None or not found[0].rows:
            return None
        block = found[0]
        kept = [place for place, column in enumerate(block.columns) if column.name]
        return (
            block.name,
            [block.columns[place].name for place in kept],
            [tuple(row.values[place] for place in kept) for row in block.rows],
        )


def _written(value: Any) -> str:
    return "" if value is None else str(value)
