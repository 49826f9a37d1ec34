"""Concepts, users and items: a list of each, and everything about one of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType

from recaudit.interventions.edits import Edit
from recaudit.tui.keys import bindings
from recaudit.tui.messages import Put
from recaudit.tui.panes.pane import Split

if TYPE_CHECKING:
    from recaudit.store import Audit
    from recaudit.tui.blocks import Block


BEST = 3
"""Latents of a concept that go on the desk together."""


class EntityPane(Split):
    """A list, and a page that ``recaudit.tui.data.<DATA>`` makes of a key."""

    DATA: ClassVar[str]

    def open(self, key: str) -> None:
        """Ask for the page."""
        subject, name = self.subject, f"recaudit.tui.data.{self.DATA}"

        def question(audit: Audit) -> Iterator[Block]:
            found: Iterator[Block] = import_module(name).blocks(audit, subject, key)
            return found

        self.ask_parts(question, self.page.add, self.page.settle, group="detail")


class ConceptsPane(EntityPane):
    """Concepts: which latents have them, their vectors, what ratings say."""

    VIEW = DATA = "concepts"
    KIND = "concept"
    EMPTY = "The data names no concepts.\n\nThey come from genres, tags and release years: ingest with data that has them."
    HELP = """\
Concepts of items: genres, decades, popularity bands, tags. `is:missing` lists those that no latent has; `verdict:popularity`
those that are only popularity. The page holds the concept vector, the scatter of users and the map of its kind.
`i` puts the latents that stand for a concept on the desk.
"""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("put")]

    def for_desk(self) -> Put | None:
        """One slider for the latents that stand for the concept best."""
        key = self.in_front
        return None if key is None else Put((Edit("scale", select=f"concept:{key}:{BEST}", by=1.0),))


class UsersPane(EntityPane):
    """Users: history, recommendations and the latents that made them, profile."""

    VIEW = DATA = "users"
    KIND = "user"
    EMPTY = "The audit holds no users.\n\nrecaudit ingest CHECKPOINT --data PATH reads them."

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("put")]

    def for_desk(self) -> Put | None:
        """The user's list beside the sliders."""
        key = self.in_front
        return None if key is None else Put(users=(key,))


class ItemsPane(EntityPane):
    """Items: concepts, latents, neighbours."""

    VIEW = DATA = "items"
    KIND = "item"
    EMPTY = "The audit holds no items.\n\nrecaudit ingest CHECKPOINT --data PATH reads them."
