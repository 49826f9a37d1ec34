"""Interventions from the desk into files and the audit, and back; nothing is written that was not shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on

from recaudit.errors import UsageError
from recaudit.tui.desk import Desk
from recaudit.tui.messages import Changed
from recaudit.tui.modals.choose import Choose
from recaudit.tui.modals.review import Review
from recaudit.tui.modals.text import Writing
from recaudit.tui.panes.desk import DeskPane
from recaudit.tui.widgets.page import Page

if TYPE_CHECKING:
    from recaudit.interventions.dry_run import DryRun
    from recaudit.store import Audit
    from recaudit.tui.blocks import Block


class Keeping(DeskPane):
    """A desk that is saved and laid out again."""

    def action_kept(self) -> None:
        """Compare what the audit keeps; again for the lists."""
        if self.over == "kept":
            self.show_lists()
            return
        subject, self.over = self.subject, "kept"

        def question(audit: Audit) -> list[Block]:
            from recaudit.tui.data.desk import kept_blocks

            return kept_blocks(audit, subject)

        def show(blocks: list[Block]) -> None:
            self.lists.border_title = "Kept interventions"
            self.lists.show(blocks)
            self.lists.focus()

        self.ask(question, show, group="kept")

    def action_save(self) -> None:
        """Where to."""
        if not self.state.trail.now.intervention().edits:
            self.notify("Nothing is turned yet, so there is nothing to save.", severity="warning")
            return
        ways = self.ways()

        def chosen(number: int | None) -> None:
            if number is not None:
                ways[number][1]()

        self.app.push_screen(Choose("Save this intervention as", [way[0] for way in ways]), chosen)

    def ways(self) -> list[tuple[tuple[str, str], Callable[[], None]]]:
        """What saving can mean: the words of a choice, and what it does."""
        return [
            (("A TOML file", "to review, to replay, for a gate"), self._save_file),
            (("Into the audit", "with its price and controls"), self._save_kept),
        ]

    def texts_then(self, then: Callable[[str, dict[str, str]], None]) -> None:
        """The intervention as TOML, and those that are kept."""
        subject, asked = self.subject, self.state.trail.now.intervention()

        def question(audit: Audit) -> tuple[str, dict[str, str]]:
            from recaudit.tui.data.desk import as_toml, kept_texts

            return as_toml(audit, subject, asked), kept_texts(audit, subject)

        self.ask(question, lambda found: then(*found), group="texts")

    def _save_file(self) -> None:
        def review(text: str, kept: dict[str, str]) -> None:
            def written(name: str | None) -> None:
                if name is None:
                    return
                path = Path(name).expanduser()

                def write(audit: Audit) -> Path:
                    from recaudit.tui.data.desk import write_toml

                    return write_toml(path, text)

                self.ask(write, lambda path: self.notify(f"Written: {path}"), group="write")

            hint = "Enter writes it. Escape leaves."
            screen = Review("Write a TOML file", "intervention.toml", text, _in_file, hint=hint)
            self.app.push_screen(screen, written)

        self.texts_then(review)

    def _save_kept(self) -> None:
        def review(text: str, kept: dict[str, str]) -> None:
            def there(name: str) -> str | None:
                if not name:
                    raise UsageError("it needs a name", fix="write one, such as softer")
                return kept.get(name)

            def written(name: str | None) -> None:
                if name is not None:
                    self.price_then(lambda found: self._keep(found, name))

            hint = (
                "Enter computes the price with its controls and writes both to the audit file. Escape leaves."
            )
            self.app.push_screen(Review("Keep in the audit", "", text, there, hint=hint), written)

        self.texts_then(review)

    def _keep(self, found: DryRun, name: str) -> None:
        def change(path: Path) -> str:
            from recaudit.tui.data.desk import keep_priced

            return keep_priced(path, found, name)

        self.change(change, lambda said: self._kept(said))

    def _kept(self, said: str) -> None:
        self.post_message(Changed(said))
        if self.over == "kept":
            self.over = ""
            self.action_kept()

    def action_load(self) -> None:
        """From the audit or a file."""

        def choose(_: str, kept: dict[str, str]) -> None:
            names = list(kept)
            choices = [*((name, "kept in the audit") for name in names), ("a TOML file …", "")]

            def chosen(number: int | None) -> None:
                if number is None:
                    return
                if number < len(names):
                    self._load(kept[names[number]], names[number])
                else:
                    self._load_file()

            self.app.push_screen(Choose("Take which intervention?", choices), chosen)

        subject = self.subject

        def question(audit: Audit) -> dict[str, str]:
            from recaudit.tui.data.desk import kept_texts

            return kept_texts(audit, subject)

        self.ask(question, lambda kept: choose("", kept), group="texts")

    def _load_kept(self, name: str) -> None:
        subject = self.subject

        def question(audit: Audit) -> str:
            from recaudit.tui.data.desk import kept_texts

            return kept_texts(audit, subject)[name]

        self.ask(question, lambda text: self._load(text, name), group="texts")

    def _load_file(self) -> None:
        def checked(name: str) -> str:
            text = _in_file(name)
            if text is None:
                raise UsageError(f"no file {name}", fix="write its path")
            return text

        def written(name: str | None) -> None:
            if name is not None:
                self._load(checked(name), name)

        self.app.push_screen(Writing("Which TOML file?", "intervention.toml", check=checked), written)

    def _load(self, text: str, name: str) -> None:
        subject = self.subject

        def question(audit: Audit) -> Desk:
            from recaudit.tui.data.desk import loaded

            return loaded(text, name, subject)

        def take(found: Desk) -> None:
            self.over = ""
            self.change_to(found, at=0)
            self.sliders.focus()
            self.notify(f"{name} is on the desk; z brings back what was there.")

        self.ask(question, take, group="load")

    @on(Page.Taken)
    def _take_kept(self, event: Page.Taken) -> None:
        if event.what.startswith("kept:"):
            self._load_kept(event.what.removeprefix("kept:"))


def _in_file(name: str) -> str | None:
    """Text of a file, None where there is none.

    Raises:
        UsageError: nothing can be read or written there.
    """
    path = Path(name).expanduser()
    if not name or path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{name or 'nothing'} cannot be a file", fix="name a file in a folder that exists")
    try:
        return path.read_text("utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read ({type(error).__name__})", fix="name another file") from None
