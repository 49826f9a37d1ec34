"""Popularity and groups: numbers of the lists beside the latents that go with either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from recaudit.interventions.edits import Edit
from recaudit.tui.keys import bindings
from recaudit.tui.messages import GoTo, Put
from recaudit.tui.panes.pane import Pane
from recaudit.tui.places import Place
from recaudit.tui.widgets.listing import Listing
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    from recaudit.store import Audit
    from recaudit.tui.blocks import Block


class BiasPane(Pane):
    """A page of numbers and curves; a list of latents with their figures in every contrast."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("put")]
    HELP = """\
Popularity and groups of users. On one side what the lists do: popularity, exposure, metrics by group. On the other the
latents that go with a contrast: `contrast:popularity`, `contrast:gender`, `q<0.05`; Enter opens the latent.
"""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="both"):
            yield Page()
            yield Listing(
                "latent_bias", empty="No figures of latents yet.\n\nrecaudit bias MODEL makes them."
            )

    def load(self) -> None:
        """Both sides."""
        page, subject = self.query_one(Page), self.subject
        page.show([])
        self.query_one(Listing).load()

        def question(audit: Audit) -> Iterator[Block]:
            from recaudit.tui.data.bias import blocks

            return blocks(audit, subject)

        self.ask_parts(question, page.add, page.settle, group="detail")

    def for_desk(self) -> Put | None:
        """A slider for the latent under the cursor."""
        key = self.query_one(Listing).key
        return None if key is None else Put((Edit("scale", (_latent(key),), by=1.0),))

    @on(Listing.Opened)
    def _opened(self, event: Listing.Opened) -> None:
        event.stop()
        if not event.quietly:
            self.post_message(GoTo(Place("latent", str(_latent(event.key)))))


def _latent(key: object) -> int:
    """Of a row, whose key is a contrast and a latent."""
    return int(str(key).rpartition(" ")[2])
