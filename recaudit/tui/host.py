"""What panes may ask of the application around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from textual.widget import Widget

    from recaudit.store.read import Model, Sae
    from recaudit.tui.desk import State
    from recaudit.tui.session import Session


@dataclass(frozen=True)
class Subject:
    """What all panes are about: a model of the audit, and the dictionary its latents are of, if it has one."""

    model: Model
    sae: Sae | None


class Host(Protocol):
    """The application as panes see it."""

    session: Session
    subject: Subject | None
    author: str

    @property
    def desk(self) -> State:
        """What lies on the desk of the subject in front."""


def host(widget: Widget) -> Host:
    """The application that a widget is in."""
    return cast(Host, widget.app)
