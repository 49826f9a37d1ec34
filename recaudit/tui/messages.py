"""What parts of the workbench tell each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from recaudit.interventions.edits import Edit
from recaudit.tui.places import Place


@dataclass
class Answered(Message):
    """A thread has read what was asked; ``then`` takes it where widgets may be touched."""

    then: Callable[[Any], None]
    value: Any


@dataclass
class Troubled(Message):
    """Something could not be done. ``retry`` does it again."""

    error: BaseException
    retry: Callable[[], None] | None = None


@dataclass
class GoTo(Message):
    """A link was followed."""

    place: Place


@dataclass
class Told(Message):
    """What the status line should say of the view in front."""

    filter: str = ""
    rows: str = ""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Told)


@dataclass
class Put(Message):
    """Edits are to be put on the desk, or users beside it. ``stay``: do not go there."""

    edits: tuple[Edit, ...] = ()
    users: tuple[str, ...] = ()
    stay: bool = False


@dataclass
class Changed(Message):
    """Something was written to the audit file: ``said`` tells what."""

    said: str
