"""Edits below each other, each with a slider: keys and the mouse turn them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from recaudit.interventions.edits import Edit
from recaudit.text import printable
from recaudit.tui.blocks import cut
from recaudit.tui.desk import Slider, idle, slider, turned, typed, value_of
from recaudit.tui.keys import bindings

QUIET = "$foreground-muted"
GAP = 1
OP, VALUE = 7, 7
FAR = 5
"""Steps of a long turn."""


@dataclass(frozen=True)
class Card:
    """An edit as it lies on the desk. ``name``: what it is of; ``most``: the largest activation of its latents."""

    edit: Edit
    name: str
    most: float = 1.0

    @property
    def track(self) -> Slider | None:
        """What can be turned; None for an edit without amount."""
        return slider(self.edit, self.most)


@dataclass(frozen=True)
class Columns:
    """Widths of a card's parts in a line."""

    name: int
    track: int
    audience: int

    @classmethod
    def of(cls, width: int, cards: Sequence[Card]) -> Columns:
        """What fits, the track at least as wide as a name."""
        audience = max((cell_len(audience_of(card.edit)) for card in cards), default=0)
        audience = min(audience, 16)
        rest = width - OP - VALUE - audience - 4 * GAP
        name = min(max((cell_len(card.name) for card in cards), default=0), max(rest * 3 // 5, 8), 44)
        return cls(name, max(rest - name, 5), audience)

    @property
    def start(self) -> int:
        """Cell at which the track begins."""
        return self.name + OP + VALUE + 3 * GAP


def audience_of(edit: Edit) -> str:
    """For whom, in a word or two."""
    if edit.items:
        return f"{len(edit.items)} items"
    return printable(edit.users.replace("user=", "user ") if edit.users else "everyone", 16)


class Sliders(OptionList):
    """The desk. Enter asks for an exact value; a click or a drag on a track sets it."""

    HELP = """\
The desk: edits that are tried together. `h` and `l` turn the slider under the cursor, `H` and `L` by more, `Enter` takes an
exact value. Lists and price follow; nothing is written until you save. An edit at its neutral place changes nothing.
"""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("sliders")]

    @dataclass
    class Turned(Message):
        """A slider has moved; its card says where to."""

        place: int

    @dataclass
    class Exact(Message):
        """A value is to be typed."""

        place: int

    def __init__(self, empty: str, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self.cards: list[Card] = []
        self._empty = empty
        self._dragged: int | None = None

    def show(self, cards: Sequence[Card], at: int | None = None) -> None:
        """Show these edits; the cursor stays, or goes to ``at``."""
        place = self.highlighted or 0 if at is None else at
        self.cards = list(cards)
        self._draw(place)

    @property
    def place(self) -> int | None:
        """Of the edit under the cursor."""
        return self.highlighted if self.cards else None

    def on_resize(self) -> None:
        self._draw(self.highlighted or 0)

    def _draw(self, place: int) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        if not self.cards:
            self.set_options([Option(Content.styled(self._empty, QUIET), disabled=True)])
            return
        columns = Columns.of(width, self.cards)
        lines = [_line(card, columns) for card in self.cards]
        if self.option_count == len(lines) and not self.get_option_at_index(0).disabled:
            for number, line in enumerate(lines):
                self.replace_option_prompt_at_index(number, line)
        else:
            self.set_options([Option(line) for line in lines])
        self.highlighted = min(place, len(lines) - 1)

    def action_turn(self, steps: int) -> None:
        """Turn the slider under the cursor by so many steps."""
        card = self.cards[self.place] if self.place is not None else None
        track = card.track if card else None
        if card is None or track is None:
            return
        # Values beyond the track were typed; the first turn brings them back to its end.
        self._turn_to(self.place, track.stepped(value_of(card.edit, track) + steps * track.step))

    def action_cursor_up(self) -> None:
        """Up; the first edit is the end, not a way round to the last."""
        if self.highlighted:
            super().action_cursor_up()

    def action_cursor_down(self) -> None:
        """Down, to the last edit."""
        if self.highlighted is None or self.highlighted < self.option_count - 1:
            super().action_cursor_down()

    def _turn_to(self, place: int | None, value: float) -> None:
        if place is None:
            return
        card = self.cards[place]
        track = card.track
        if track is None or value == value_of(card.edit, track):
            return
        # At once: the next key may come before anybody has heard of this one.
        self.cards[place] = replace(card, edit=turned(card.edit, track, value))
        self._draw(self.highlighted or 0)
        self.post_message(self.Turned(place))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if self.cards:
            self.post_message(self.Exact(event.option_index))

    # The mouse

    def _share(self, event: events.MouseEvent, place: int | None = None) -> tuple[int, float] | None:
        """Card and share of its track under the mouse; None beside tracks."""
        columns = Columns.of(self.scrollable_content_region.width, self.cards)
        at = event.get_content_offset_capture(self)
        row = at.y + round(self.scroll_y) if place is None else place
        inside = columns.start <= at.x < columns.start + columns.track
        if not 0 <= row < len(self.cards) or (place is None and not inside):
            return None
        return row, (at.x - columns.start) / max(columns.track - 1, 1)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of a slider."""
        found = self._share(event) if event.button == 1 else None
        if found is None or self.cards[found[0]].track is None:
            return
        event.stop()
        self.highlighted = self._dragged = found[0]
        self.capture_mouse()
        self._drag(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pull it along."""
        if self._dragged is not None:
            event.stop()
            self._drag(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let go."""
        if self._dragged is not None:
            event.stop()
            self._dragged = None
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """A click on a track is no wish for an exact value."""
        if self._share(event) is not None:
            event.prevent_default()
            event.stop()

    def _drag(self, event: events.MouseEvent) -> None:
        found = self._share(event, self._dragged)
        track = self.cards[found[0]].track if found else None
        if found is not None and track is not None:
            self._turn_to(found[0], track.at(found[1]))

    # Copy and export

    def copies(self) -> list[tuple[str, str]]:
        """What can be copied: the edit under the cursor, and all of them as TOML."""
        from recaudit.interventions.edits import Intervention
        from recaudit.interventions.file import to_toml

        if self.place is None:
            return []
        one = typed(self.cards[self.place].edit)
        every = " ".join(f"--edit '{typed(card.edit)}'" for card in self.cards)
        return [
            (f"edit: {one}", one),
            ("all edits, for recaudit steer", every),
            ("all edits as TOML", to_toml(Intervention(tuple(card.edit for card in self.cards)))),
        ]

    def export(self) -> tuple[str, list[str], list[tuple[Any, ...]]] | None:
        """The edits as a table."""
        rows: list[tuple[Any, ...]] = [
            (card.name, card.edit.op, typed(card.edit), audience_of(card.edit)) for card in self.cards
        ]
        return ("desk", ["of", "op", "edit", "for"], rows) if rows else None


def _line(card: Card, columns: Columns) -> Content:
    edit, track = card.edit, card.track
    gap = " " * GAP
    still = idle(edit)
    name = cut(card.name, columns.name)
    parts = [
        Content(name + " " * (columns.name - cell_len(name)) + gap),
        Content.styled(f"{edit.op:<{OP}}" + gap, QUIET),
    ]
    if track is None:
        parts.append(Content(" " * (VALUE + GAP) + f"{'silent':<{columns.track}}"))
    else:
        value = value_of(edit, track)
        said = f"{value:.6g}" if track.neutral != 1.0 else f"×{value:.6g}"
        parts += [
            Content.styled(f"{cut(said, VALUE):>{VALUE}}" + gap, QUIET if still else "bold"),
            *_track(track, value, columns.track),
        ]
    parts.append(Content.styled(gap + cut(audience_of(edit), columns.audience), QUIET))
    return Content("").join(parts)


def _track(track: Slider, value: float, width: int) -> list[Content]:
    """``├────┼━━━●──┤``: where it stands, how far from where it changes nothing."""
    at = round(track.share(value) * (width - 1))
    zero = 0 if track.neutral is None else round(track.share(track.neutral) * (width - 1))
    left, right = min(at, zero), max(at, zero)
    cells = []
    for place in range(width):
        if place == at:
            knob = "◀" if value < track.low else "▶" if value > track.high else "●"
            cells.append(Content.styled(knob, "bold $primary"))
        elif left <= place <= right and place != zero:
            cells.append(Content.styled("━", "$primary"))
        elif place == zero and track.neutral is not None:
            cells.append(Content.styled("┼", QUIET))
        else:
            mark = "├" if place == 0 else "┤" if place == width - 1 else "─"
            cells.append(Content.styled(mark, "$foreground 30%"))
    return cells
