"""Edits as people type them on a command line: ``scale latents=12,40 by=0.5 users=gender=F``."""

from __future__ import annotations

import difflib
import shlex
from typing import Any

from recaudit.errors import UsageError
from recaudit.interventions.edits import OPS, Edit
from recaudit.text import printable

_LISTS = {"latents": int, "items": str}
_NUMBERS = ("by", "to", "quantile", "low", "high")
_TEXTS = ("select", "direction", "at", "users")
_KEYS = (*_LISTS, *_NUMBERS, *_TEXTS)

EXAMPLE = '"scale select=concept:Horror by=0.5"'


def edit(words: str) -> Edit:
    """The edit that words describe; a name without ``key=`` in front is the selection.

    Raises:
        UsageError: an unknown operation or key, or a value of the wrong kind; shows an example.
    """
    try:
        op, *rest = shlex.split(words)
    except ValueError as error:
        raise UsageError(f"edit {printable(words)}: {error}", fix=f"write it like {EXAMPLE}") from None
    if op not in OPS:
        near = difflib.get_close_matches(op, OPS, n=1)
        raise UsageError(
            f"no edit named {printable(op)}",
            fix=f"did you mean {near[0]}?" if near else f"start with one of: {', '.join(OPS)}",
        )
    values: dict[str, Any] = {"op": op}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals or key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            raise UsageError(
                f"edit {printable(words)}: {printable(part)} is no key=value that edits know",
                fix=f"did you mean {near[0]}=…?" if near else f"keys are {', '.join(_KEYS)}",
            )
        values[key] = _value(words, key, value)
    return Edit(**values)


def _value(words: str, key: str, text: str) -> Any:
    try:
        if key in _LISTS:
            return tuple(_LISTS[key](part) for part in text.split(",") if part)
        return float(text) if key in _NUMBERS else text
    except ValueError:
        kind = "numbers, as in 12,40" if key in _LISTS else "a number"
        raise UsageError(
            f"edit {printable(words)}: `{key}` must be {kind}", fix=f"write it like {EXAMPLE}"
        ) from None


def share(text: str) -> float:
    """``1%`` or ``0.01`` as .01.

    Raises:
        ValueError: no number, or none from 0 to below 1.
    """
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= value < 1:
        raise ValueError
    return value


def numbers(text: str) -> tuple[float, ...]:
    """``0,0.5,1`` as numbers.

    Raises:
        UsageError: something else is in it.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"levels {printable(text)}: not numbers", fix="write them like 0,0.5,1") from None


def sentence(one: Edit) -> str:
    """The edit in words, for reports and screens."""
    amounts = ", ".join(f"{name} {value:g}" for name in _NUMBERS if (value := getattr(one, name)) is not None)
    if one.direction:
        what = f"the {one.direction} direction"
    elif one.select:
        what = one.select
    else:
        shown = ", ".join(map(str, one.latents[:6])) + (" …" if len(one.latents) > 6 else "")
        what = f"latent{'s' if len(one.latents) > 1 else ''} {shown}"
    whom = f" for {one.users}" if one.users else ""
    whom = f" of {len(one.items)} item{'s' if len(one.items) > 1 else ''}" if one.items else whom
    return f"{one.op} {what}{whom}" + (f" ({amounts})" if amounts else "")
