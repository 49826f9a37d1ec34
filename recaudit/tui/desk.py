"""The desk: edits that are being tried, each with a slider, and the way back. Nothing heavy; nothing is computed here."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from recaudit.errors import UsageError
from recaudit.interventions import words
from recaudit.interventions.edits import OPS, Edit, Intervention

MERGED = 0.8
"""Seconds within which turns of one slider are one step of undo."""


@dataclass(frozen=True)
class Slider:
    """What is turned of an operation, and how far a slider goes; typed values may go further.

    Attributes:
        amount: the edit's amount it turns.
        neutral: where the edit changes nothing; None where there is no such value.
        step: one press of a key.
    """

    amount: str
    low: float
    high: float
    neutral: float | None
    step: float
    about: str

    def share(self, value: float) -> float:
        """Where a value lies on the track, 0 to 1."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def at(self, share: float) -> float:
        """The value at a place of the track, on a whole step."""
        value = self.low + min(1.0, max(0.0, share)) * (self.high - self.low)
        return self.stepped(value)

    def stepped(self, value: float) -> float:
        """The nearest whole step within the track."""
        steps = round((value - self.low) / self.step)
        return round(min(self.high, max(self.low, self.low + steps * self.step)), 6)


_SLIDERS = {
    "scale": Slider("by", -2.0, 4.0, 1.0, 0.1, "times its activation"),
    "shift": Slider("by", -3.0, 3.0, 0.0, 0.1, "standard deviations"),
    "blend": Slider("by", 0.0, 1.0, 0.0, 0.02, "of the whole activation"),
    "project": Slider("by", -1.0, 2.0, 0.0, 0.05, "of the component away"),
    "set": Slider("quantile", 0.0, 1.0, None, 0.02, "quantile of where it fires"),
}


def slider(edit: Edit, most: float = 1.0) -> Slider | None:
    """What can be turned of an edit.

    Args:
        most: the latents' largest activation.
    """
    if edit.op == "set" and edit.to is not None:
        return Slider("to", 0.0, most, None, most / 50, "activation")
    if edit.op == "clamp":
        amount = "high" if edit.high is not None else "low"
        return Slider(amount, 0.0, most, None, most / 50, "at most" if amount == "high" else "at least")
    return _SLIDERS.get(edit.op)


def value_of(edit: Edit, track: Slider) -> float:
    """The amount that a slider turns."""
    found = getattr(edit, track.amount)
    assert found is not None
    return float(found)


def turned(edit: Edit, track: Slider, value: float) -> Edit:
    """The edit with the slider at a value.

    Raises:
        UsageError: no edit takes this value.
    """
    amount: dict[str, Any] = {track.amount: value}
    return replace(edit, **amount)


def idle(edit: Edit) -> bool:
    """Whether the edit changes nothing as it stands."""
    track = _SLIDERS.get(edit.op)
    return (
        track is not None and track.neutral is not None and getattr(edit, track.amount, None) == track.neutral
    )


def fresh(edit: Edit, op: str, most: float = 1.0) -> Edit:
    """The same latents or direction under another operation, where it changes least.

    Raises:
        UsageError: the operation is not of latents, or of directions.
    """
    amounts: dict[str, dict[str, Any]] = {"set": {"quantile": 0.5}, "clamp": {"high": most}, "ablate": {}}
    amount = amounts.get(op, {"by": _SLIDERS[op].neutral if op in _SLIDERS else None})
    return Edit(
        op, edit.latents, edit.select, edit.direction, users=edit.users, items=edit.items, **amount
    )  # fmt: skip


_DOES = {
    "scale": "multiply the activation",
    "ablate": "silence it",
    "set": "hold it at a level",
    "clamp": "keep it within limits",
    "shift": "add standard deviations",
    "blend": "move a share of all activation onto it",
    "project": "take a share of it away",
}


def ops_for(edit: Edit) -> list[tuple[str, str]]:
    """Operations that can be done to what an edit is of, with what they do in a few words."""
    kind = "direction" if edit.direction else "latents"
    return [(name, _DOES[name]) for name, op in OPS.items() if kind in op.on]


def read(text: str) -> tuple[Edit, ...]:
    """What people type to put something on the desk: latents by number (``12, 40``, an edit each), a selection
    (``popularity:8``), a direction (``direction popularity``), or a whole edit (``scale latents=12 by=0.5``).

    Raises:
        UsageError: none of these; shows an example.
    """
    text = text.strip()
    first, _, rest = text.partition(" ")
    if re.fullmatch(r"\d+([\s,]+\d+)*", text):
        latents = dict.fromkeys(int(part) for part in re.split(r"[\s,]+", text))
        return tuple(Edit("scale", (latent,), by=1.0) for latent in latents)
    if first == "direction" and rest:
        return (Edit("project", direction=rest.strip(), by=0.0),)
    if first in OPS:
        return (words.edit(text),)
    if text in ("popularity", "niche") or ":" in text:
        return (Edit("scale", select=text, by=1.0),)
    raise UsageError(
        f"{text or 'nothing'}: neither latents, nor a selection, nor an edit",
        fix=f"write numbers as in 12, 40; popularity:8; concept:Horror:3; direction popularity; or {words.EXAMPLE}",
    )


def typed(edit: Edit) -> str:
    """The edit as ``words.edit`` reads it."""
    parts = [edit.op]
    if edit.latents:
        parts.append("latents=" + ",".join(map(str, edit.latents)))
    for name in ("select", "direction", "by", "to", "quantile", "low", "high", "at", "users"):
        value = getattr(edit, name)
        if value is not None:
            said = f"{value:g}" if isinstance(value, float) else str(value)
            parts.append(f"{name}={said}" if " " not in said else f'{name}="{said}"')
    if edit.items:
        parts.append("items=" + ",".join(edit.items))
    return " ".join(parts)


@dataclass(frozen=True)
class Desk:
    """Edits in their order, and whether what the dictionary does not explain is kept."""

    edits: tuple[Edit, ...] = ()
    keep_error: bool = True
    about: str = ""

    def put(self, *edits: Edit) -> Desk:
        """With these behind; an edit of the same latents, operation and audience that is there stays alone."""
        known = {subject_of(edit) for edit in self.edits}
        return replace(self, edits=(*self.edits, *(e for e in edits if subject_of(e) not in known)))

    def changed(self, place: int, *edits: Edit) -> Desk:
        """With these instead of the edit at a place; none to take it off."""
        return replace(self, edits=(*self.edits[:place], *edits, *self.edits[place + 1 :]))

    def intervention(self) -> Intervention:
        """Everything that is turned; what stands at its neutral value is left out."""
        return Intervention(
            tuple(edit for edit in self.edits if not idle(edit)),
            keep_error=self.keep_error,
            about=self.about,
        )


def subject_of(edit: Edit) -> tuple[object, ...]:
    """What an edit is of and for whom."""
    return (
        edit.latents,
        edit.select,
        edit.direction,
        edit.users,
        edit.items,
        edit.op if edit.direction else "",
    )


def of_intervention(intervention: Intervention) -> Desk:
    """The desk that makes an intervention."""
    return Desk(intervention.edits, intervention.keep_error, intervention.about)


@dataclass(frozen=True)
class Question:
    """What the desk asks: lists and price of what is turned.

    Attributes:
        users: raw ids whose lists are shown; none for some that the audit chooses.
        most_changed: show users whose lists change most, instead.
        watched: concepts whose places in lists are counted.
    """

    desk: Desk
    users: tuple[str, ...] = ()
    most_changed: bool = False
    watched: tuple[str, ...] = ()


@dataclass
class Trail:
    """A desk with what it was before and after, for undo and redo."""

    now: Desk = field(default_factory=Desk)
    before: list[Desk] = field(default_factory=list)
    after: list[Desk] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    longest: int = 200
    _turned: tuple[object, float] = (None, -MERGED)

    def change(self, desk: Desk, turning: object = None) -> None:
        """Go on to another desk.

        Args:
            turning: what is being turned; quick turns of the same are one step.
        """
        if desk == self.now:
            return
        now, (last, when) = self.clock(), self._turned
        if not (turning is not None and turning == last and now - when < MERGED):
            self.before = [*self.before, self.now][-self.longest :]
        self._turned = (turning, now)
        self.now, self.after = desk, []

    def undo(self) -> bool:
        """One step back; False at the beginning."""
        return self._move(self.before, self.after)

    def redo(self) -> bool:
        """One step forward again; False at the end."""
        return self._move(self.after, self.before)

    def _move(self, source: list[Desk], target: list[Desk]) -> bool:
        if not source:
            return False
        target.append(self.now)
        self.now = source.pop()
        self._turned = (None, -MERGED)
        return True


@dataclass
class State:
    """A desk and what is looked at beside it; one for each model and dictionary."""

    trail: Trail = field(default_factory=Trail)
    users: tuple[str, ...] = ()
    most_changed: bool = False
    watched: tuple[str, ...] = ()

    def question(self) -> Question:
        """What the desk asks as it stands."""
        return Question(self.trail.now, self.users, self.most_changed, self.watched)
