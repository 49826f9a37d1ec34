"""Names that people give: set, taken back, written to a small file for review, and read in again.

A file holds for every latent the name as it is (``was``) and as it should be (``text``). Reading it in is a
three-way merge: a name that somebody else has changed since the file was written is a conflict, and then
nothing of the file is taken.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recaudit.errors import InputRefused, UsageError
from recaudit.store import Audit, read, write, writing
from recaudit.store import labels as store
from recaudit.store.labels import Change
from recaudit.store.read import Model, Sae
from recaudit.text import printable

LONGEST = 200
"""Characters in a name."""


@dataclass(frozen=True)
class Line:
    """A latent in a label file."""

    latent: int
    text: str
    """Empty for no name."""
    was: str
    """``text`` when the file was written."""


@dataclass(frozen=True)
class LabelFile:
    """A label file: whose latents, and their names."""

    sae_sha256: str
    labels: list[Line]


@dataclass(frozen=True)
class Conflict:
    """A name that both the file and somebody else changed."""

    latent: int
    was: str
    now: str
    wanted: str


def set_name(
    db: Path, model: str | None, sae: str | None, latent: int, text: str, *, author: str, source: str = "set"
) -> Change:
    """Give a latent a name by hand; an empty one takes the name back.

    Raises:
        UsageError: no such latent, or a name too long or with control characters.
    """
    with writing(db) as audit:
        chosen = read.model_named(audit, model)
        dictionary = read.sae_of(audit, chosen, sae)
        _check_latent(latent, dictionary)
        before = store.by_hand(audit, dictionary).get(latent)
        change = Change(latent, checked_name(text), before[0] if before else None, _author(author), source)
        _apply(audit, chosen, dictionary, [change])
    return change


def checked_name(text: str) -> str | None:
    """The name without space around it; None for an empty one.

    Raises:
        UsageError: too long, or with characters that could act on a screen.
    """
    name = text.strip()
    if len(name) > LONGEST:
        raise UsageError(
            f"a name has {len(name)} characters, more than {LONGEST}", fix="say the same with fewer words"
        )
    if printable(name) != name:
        raise UsageError(f"a name has control characters: {printable(name, 60)}", fix="leave them out")
    return name or None


def export(audit: Audit, model: Model, sae: Sae, labeller: str, protocol: str, form: str) -> str:
    """Every name that is shown or proposed, as ``toml`` or ``csv`` for review.

    ``text`` is the name by hand where there is one; else it is empty, so that importing an unchanged file
    changes nothing. ``proposed`` is what the labeller says.
    """
    hand = store.by_hand(audit, sae)
    table = store.names(audit, sae, labeller, protocol).sort_values("latent")
    rows: list[dict[str, Any]] = []
    for row in table.to_dict("records"):
        latent = int(row["latent"])
        own = hand.pop(latent, ("", ""))[0]
        proposed = row["candidate"] if isinstance(row["candidate"], str) else ""
        if own or proposed:
            confidence = row["confidence"]
            rows.append(
                {
                    "latent": latent,
                    "text": own,
                    "was": own,
                    "proposed": proposed,
                    "status": row["status"],
                    "confidence": None if confidence != confidence else round(float(confidence), 4),
                }
            )
    rows += [
        {"latent": latent, "text": text, "was": text, "proposed": "", "status": "by hand", "confidence": None}
        for latent, (text, _) in hand.items()
    ]
    return (_as_toml if form == "toml" else _as_csv)(model, sae, rows)


def _as_toml(model: Model, sae: Sae, rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "# Names of latents. Change `text`; leave `latent` and `was`. An empty text means no name by hand.",
        f"model = {_quoted(model.name)}",
        f"sae = {_quoted(sae.name)}",
        f"sae_sha256 = {_quoted(sae.sha256)}",
    ]
    for row in rows:
        lines += ["", "[[label]]"]
        lines += [
            f"{key} = {_quoted(value) if isinstance(value, str) else value}"
            for key, value in row.items()
            if value is not None
        ]
    return "\n".join(lines) + "\n"


def _as_csv(model: Model, sae: Sae, rows: Sequence[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["sae_sha256", "latent", "text", "was", "proposed", "status", "confidence"])
    for row in rows:
        writer.writerow([sae.sha256, *("" if value is None else guarded(value) for value in row.values())])
    return out.getvalue()


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string once DEL is escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def guarded(value: Any) -> Any:
    """A cell that a spreadsheet would run as a formula starts with an apostrophe instead."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def unguarded(value: str) -> str:
    """The cell before ``guarded``."""
    return value[1:] if value[:1] == "'" and guarded(value[1:]) == value else value


def read_file(path: Path) -> LabelFile:
    """A label file, TOML or CSV by its ending.

    Raises:
        InputRefused: not such a file; names the line.
        UsageError: no such file, or an ending that is neither.
    """
    form = form_of(path)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{printable(path)}: no such file", fix="check the path") from None
    except UnicodeDecodeError:
        raise InputRefused(f"{printable(path)}: not UTF-8 text", fix="save it as UTF-8") from None
    rows = _toml_rows(path, text) if form == "toml" else _csv_rows(path, text)
    found = LabelFile(rows[0], [_line(path, row) for row in rows[1]])
    twice = [line.latent for line in found.labels if [o.latent for o in found.labels].count(line.latent) > 1]
    if twice:
        raise InputRefused(f"{printable(path)}: latent {twice[0]} appears twice", fix="keep one of them")
    return found


def form_of(path: Path) -> str:
    """``toml`` or ``csv``.

    Raises:
        UsageError: another ending.
    """
    if path.suffix not in (".toml", ".csv"):
        raise UsageError(
            f"{printable(path)}: a label file ends in .toml or .csv", fix="give it one of these endings"
        )
    return path.suffix[1:]


def _toml_rows(path: Path, text: str) -> tuple[str, list[dict[str, Any]]]:
    try:
        body = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputRefused(f"{printable(path)}: {printable(error)}", fix="correct the TOML") from None
    rows = body.get("label", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputRefused(f"{printable(path)}: `label` is no list of tables", fix="write [[label]] tables")
    return str(body.get("sae_sha256", "")), rows


def _csv_rows(path: Path, text: str) -> tuple[str, list[dict[str, Any]]]:
    rows = list(csv.DictReader(io.StringIO(text)))
    hashes = {str(row.get("sae_sha256") or "") for row in rows}
    if len(hashes) > 1:
        raise InputRefused(
            f"{printable(path)}: lines of {len(hashes)} dictionaries",
            fix="import one dictionary's names at a time",
        )
    plain = [
        {key: unguarded(value) for key, value in row.items() if key and isinstance(value, str)}
        for row in rows
    ]
    return next(iter(hashes), ""), plain


def _line(path: Path, row: dict[str, Any]) -> Line:
    try:
        latent = int(row["latent"])
        text, was = row["text"], row["was"]
    except (KeyError, TypeError, ValueError):
        raise InputRefused(
            f"{printable(path)}: an entry lacks latent, text or was: {printable(row, 80)}",
            fix="write the file with `recaudit labels --export FILE`, then change `text` only",
        ) from None
    if not isinstance(text, str) or not isinstance(was, str):
        raise InputRefused(
            f"{printable(path)}: the name of latent {latent} is no text", fix="put it in quotes"
        )
    return Line(latent, checked_name(text) or "", was)


def import_file(
    db: Path, model: str | None, sae: str | None, path: Path, *, author: str, force: bool = False
) -> list[Change]:
    """Take the names that a file changes. Nothing is taken when any of them conflicts, unless forced.

    Raises:
        UsageError: conflicts, listed; or the file is about another dictionary.
        InputRefused: as ``read_file``.
    """
    given = read_file(path)
    with writing(db) as audit:
        chosen = read.model_named(audit, model)
        dictionary = read.sae_of(audit, chosen, sae)
        if given.sae_sha256 != dictionary.sha256:
            raise UsageError(
                f"{printable(path)}: names of another dictionary than {printable(dictionary.name)}",
                fix="name the right one with MODEL and --sae",
            )
        for line in given.labels:
            _check_latent(line.latent, dictionary)
        now = {latent: text for latent, (text, _) in store.by_hand(audit, dictionary).items()}
        changes, conflicts = merged(given.labels, now, author=_author(author), source=path.name)
        if conflicts and not force:
            raise UsageError(
                _told(path, conflicts), fix="change `was` to what is there now, or take the file with --force"
            )
        if force:
            changes += [
                Change(one.latent, one.wanted or None, one.now or None, _author(author), path.name)
                for one in conflicts
            ]
        _apply(audit, chosen, dictionary, changes)
    return changes


def merged(
    lines: Iterable[Line], now: dict[int, str], *, author: str, source: str
) -> tuple[list[Change], list[Conflict]]:
    """What a file changes in the names there are now, and where both were changed."""
    changes, conflicts = [], []
    for line in lines:
        current = now.get(line.latent, "")
        if line.text in (line.was, current):
            continue
        if current != line.was:
            conflicts.append(Conflict(line.latent, line.was, current, line.text))
        else:
            changes.append(Change(line.latent, line.text or None, current or None, author, source))
    return changes, conflicts


def _told(path: Path, conflicts: Sequence[Conflict]) -> str:
    listed = "; ".join(
        f"latent {one.latent} is now {_shown(one.now)}, was {_shown(one.was)}, the file wants {_shown(one.wanted)}"
        for one in conflicts[:5]
    )
    more = f"; and {len(conflicts) - 5} more" if len(conflicts) > 5 else ""
    return f"{printable(path)}: {len(conflicts)} name(s) changed since it was written: {listed}{more}"


def _shown(text: str) -> str:
    return f"“{printable(text, 40)}”" if text else "without a name"


def _apply(audit: Audit, model: Model, sae: Sae, changes: Sequence[Change]) -> None:
    said = {"model": model.name, "sae": sae.name, "latents": [change.latent for change in changes]}
    run = write.Run("labels", said, 0, [model.sha256, sae.sha256])
    if changes:
        write.add_run(audit, run)
        store.change_names(audit, model, sae, changes, run.run_id)


def _author(name: str) -> str:
    author = name.strip()
    if not author or printable(author) != author or len(author) > 80:
        raise UsageError("a change needs an author", fix="say who with --author NAME")
    return author


def _check_latent(latent: int, sae: Sae) -> None:
    if not 0 <= latent < sae.n_latents:
        raise UsageError(f"no latent {latent}", fix=f"latents go from 0 to {sae.n_latents - 1}")
