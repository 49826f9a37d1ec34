"""Latents: a list, and everything about one of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType

from recaudit.interventions.edits import Edit
from recaudit.tui.host import host
from recaudit.tui.keys import bindings
from recaudit.tui.messages import Changed, Put
from recaudit.tui.modals.text import Writing
from recaudit.tui.panes.pane import Split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from recaudit.store import Audit
    from recaudit.tui.blocks import Block
    from recaudit.tui.data.latent import Pinned


class LatentsPane(Split):
    """The list of latents, and the page of one."""

    VIEW = "latents"
    KIND = "latent"
    EMPTY = (
        "This model has no dictionary, so there are no latents.\n\nTrain one:      recaudit train MODEL\n"
        "or bring one:   recaudit ingest CHECKPOINT --data PATH --sae FILE"
    )
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("latents"), *bindings("put")]

    def list_key(self, key: str) -> Any:
        """Latents are numbers."""
        return int(key)

    def open(self, key: str) -> None:
        """Ask for a latent's page."""
        subject, latent = self.subject, int(key)
        if subject.sae is None:
            return

        def question(audit: Audit) -> Iterator[Block]:
            from recaudit.tui.data.latent import blocks

            return blocks(audit, subject, latent)

        self.ask_parts(question, self.page.add, self.page.settle, group="detail")

    def action_bookmark(self) -> None:
        """Mark the latent, or take the mark away."""
        latent, subject, author = self._chosen(), self.subject, host(self).author
        if latent is None:
            return

        def change(path: Path) -> str:
            from recaudit.tui.data.latent import change_mark

            return change_mark(path, subject, latent, author)

        self.change(change, self._changed)

    def action_name(self) -> None:
        """Write the latent's name."""
        self._write("Name of latent {}", "name", "change_name", 200)

    def action_note(self) -> None:
        """Annotate the latent."""
        self._write("Note on latent {}", "note", "change_note", 2000)

    def _write(self, title: str, what: str, function: str, limit: int) -> None:
        latent, subject, author = self._chosen(), self.subject, host(self).author
        if latent is None:
            return

        def question(audit: Audit) -> Pinned:
            from recaudit.tui.data.latent import pinned

            return pinned(audit, subject, latent)

        def written(text: str | None, before: str) -> None:
            if text is None or text == before:
                return

            def change(path: Path) -> str:
                from recaudit.tui.data import latent as data

                done: Callable[..., str] = getattr(data, function)
                return done(path, subject, latent, text, author)

            self.change(change, self._changed)

        def open_dialog(now: Pinned) -> None:
            before: str = getattr(now, what)
            hint = f"Enter writes it to the audit file, as {author}. Empty takes it back. Escape leaves."
            screen = Writing(title.format(latent), before, hint=hint, before=before, limit=limit)
            self.app.push_screen(screen, partial(written, before=before))

        self.ask(question, open_dialog, group="pinned")

    def for_desk(self) -> Put | None:
        """A slider for the latent."""
        latent = self._chosen()
        return None if latent is None else Put((Edit("scale", (latent,), by=1.0),))

    def _chosen(self) -> int | None:
        key = self.in_front
        return None if key is None or self.subject.sae is None else int(key)

    def _changed(self, said: str) -> None:
        self.post_message(Changed(said))
        self.load()
