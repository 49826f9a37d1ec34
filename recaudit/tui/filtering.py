"""The language of filters: ``density>0.01 label:horror -is:dead "two words"``.

Terms stand beside each other and all must hold. ``field:text`` asks for a part of a text, ``field=value`` for all
of it; numbers take ``> >= < <= = !=`` and may be written ``1%`` or ``1e-3``; ``is:flag``; a minus negates; a word
without a field looks in the list's main text. What it becomes is ``store.browse.Term``: values reach the database
as parameters.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_TERM = re.compile(
    r"""(?P<minus>-)?(?:(?P<field>[A-Za-z_]\w*)(?P<operator>>=|<=|!=|[><=:]))?(?P<value>"[^"]*"?|[^\s"]*)"""
)
FLAGS = "is"


class FilterError(Exception):
    """``position`` is where in the text, from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True)
class Condition:
    """A term as it was read; fields as ``store.browse.Term``."""

    field: str
    operator: str
    value: str | float | bool
    negated: bool = False


def parse(text: str, kinds: Mapping[str, str], bare: str) -> tuple[Condition, ...]:
    """Read a filter.

    Args:
        kinds: field to ``number``, ``share``, ``text`` or ``flag``.
        bare: field of a word without one.

    Raises:
        FilterError: not in the language, or no such field; says where.
    """
    found: list[Condition] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        match = _TERM.match(text, at)
        if match is None or match.end() == at:
            raise FilterError(f"cannot read {text[at]!r}", at)
        if match.end() < len(text) and not text[match.end()].isspace():
            raise FilterError("put a space between terms", match.end())
        found.append(_condition(match, kinds, bare))
        at = match.end()
    return tuple(found)


def _condition(match: re.Match[str], kinds: Mapping[str, str], bare: str) -> Condition:
    negated = bool(match["minus"])
    value = match["value"]
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            raise FilterError("the quotation mark is never closed", match.start("value"))
        value = value[1:-1]
    name, operator = match["field"], match["operator"]
    if name is None:
        if not value:
            raise FilterError("a minus stands before a term", match.start())
        return Condition(bare, ":", value, negated)
    if not value:
        raise FilterError(f"what should `{name}` be?", match.end("operator"))
    if name == FLAGS:
        return _flag(match, value, kinds, negated)
    kind = kinds.get(name)
    if kind is None or kind == "flag":
        known = [field for field, of in kinds.items() if of != "flag"]
        raise FilterError(f"no field `{name}`{_near(name, known)}", match.start("field"))
    if kind == "text":
        if operator not in (":", "=", "!="):
            raise FilterError(f"`{name}` is a text: use : = or !=", match.start("operator"))
        return Condition(name, operator, value, negated)
    if operator == ":":
        operator = "="
    return Condition(name, operator, _number(name, value, match.start("value")), negated)


def _flag(match: re.Match[str], value: str, kinds: Mapping[str, str], negated: bool) -> Condition:
    flags = [field for field, kind in kinds.items() if kind == "flag"]
    if value not in flags:
        raise FilterError(f"nothing is `{value}`{_near(value, flags)}", match.start("value"))
    return Condition(value, "=", True, negated)


def _number(name: str, text: str, position: int) -> float:
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text.replace(",", ""))
    except ValueError:
        raise FilterError(f"`{name}` is a number, not {text!r}", position) from None


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there is {', '.join(known)}" if known else ""
