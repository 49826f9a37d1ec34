"""The steered model from the desk: its own file patched, two tables, or a module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from recaudit.errors import UsageError
from recaudit.tui.modals.choose import Choose
from recaudit.tui.modals.review import Review
from recaudit.tui.modals.text import Writing
from recaudit.tui.panes.desk_keeping import Keeping

if TYPE_CHECKING:
    from recaudit.interventions.export.command import Exported
    from recaudit.store import Audit

FORMS = (
    ("checkpoint", "the model's own file, patched where its numbers can say the edit", "steered-"),
    ("tables", "two tables, the steered vectors of users and items", "steered-vectors"),
    ("module", "x → x', a TorchScript module beside its weights", "steered-module"),
)
"""Form, what it is, and the name it is offered under."""


class Exporting(Keeping):
    """A desk that can also be taken into service."""

    def ways(self) -> list[tuple[tuple[str, str], Callable[[], None]]]:
        """As of ``Keeping``, and the steered model itself."""
        return [
            *super().ways(),
            (("The steered model", "patched checkpoint, tables or module"), self._export),
        ]

    def _export(self) -> None:
        def chosen(number: int | None) -> None:
            if number is None:
                return
            form, _, name = FORMS[number]
            if form == "checkpoint":
                self._original(name)
            else:
                self._target(form, name, None)

        self.app.push_screen(Choose("Export the steered model as", [f[:2] for f in FORMS]), chosen)

    def _original(self, prefix: str) -> None:
        checkpoint = self.subject.model.checkpoint

        def written(text: str | None) -> None:
            if text is not None:
                original = Path(text).expanduser()
                self._target("checkpoint", f"{prefix}{original.name}", original)

        hint = "It is read and stays as it is; the edit goes into a copy."
        self.app.push_screen(Writing("Where is the model's file?", checkpoint, hint=hint, check=_existing), written)  # fmt: skip

    def _target(self, form: str, name: str, original: Path | None) -> None:
        def review(text: str, kept: dict[str, str]) -> None:
            def written(path: str | None) -> None:
                if path is not None:
                    self._write(form, Path(path).expanduser(), original)

            hint = f"Enter writes this edit as {form} and holds it against the steered model. Escape leaves."
            self.app.push_screen(Review("Export the steered model", name, text, _free, hint=hint), written)

        self.texts_then(review)

    def _write(self, form: str, path: Path, original: Path | None) -> None:
        subject, asked = self.subject, self.state.trail.now.intervention()
        self.notify("Exporting …")

        def question(audit: Audit) -> Exported:
            from recaudit.tui.data.desk import export

            return export(audit, subject, asked, path, form, original)

        def done(found: Exported) -> None:
            notes = "".join(f" {note}." for note in found.notes)
            self.notify(
                f"Written: {found.path}, read again and within {found.apart:.1e} of the steered model.{notes}",
                timeout=12,
            )

        self.ask(question, done, group="export")


def _existing(name: str) -> Path:
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"there is no file {name or 'without a name'} here", fix="write its path")
    return path


def _free(name: str) -> None:
    """Nothing is there, so everything is new.

    Raises:
        UsageError: something is.
    """
    path = Path(name).expanduser()
    if not name or path.exists():
        raise UsageError(f"{name or 'nothing'} is no new name", fix="choose another: nothing is written over")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.absolute().parent}", fix="choose one that exists")
