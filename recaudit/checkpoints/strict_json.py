"""JSON without the corners where readers disagree: repeated keys, NaN, endless nesting."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

from recaudit.checkpoints.refusals import Damaged, short

DEEPEST = 200


def parse_json(text: str, what: str = "the JSON") -> Any:
    """``text`` as plain values; refuses repeated keys, NaN and infinities, and deep nesting."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise Damaged(
                f"{what} has the key {short(repeated)} more than once",
                fix="Remove the repeated entries; readers disagree on which one counts.",
            )
        return found

    def constant(name: str) -> NoReturn:
        raise Damaged(f"{what} contains {name}, which is not JSON", fix="Write null or a number.")

    _refuse_deep_nesting(text, what)
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise Damaged(
            f"{what} is malformed at line {error.lineno}, column {error.colno}: {error.msg}",
            fix="Write the file with a JSON library.",
        ) from error
    except (RecursionError, ValueError) as error:
        raise Damaged(f"{what} cannot be read: {error}") from error


def _refuse_deep_nesting(text: str, what: str) -> None:
    # Counting brackets inside strings too can only overestimate; no real file comes near.
    depth = deepest = 0
    for char in text if text.count("[") + text.count("{") > DEEPEST else "":
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    if deepest > DEEPEST:
        raise Damaged(
            f"{what} is nested more than {DEEPEST} levels deep", fix="Write it as one flat map or list."
        )
