"""The TOML of an audit, written for somebody: what their files say is in it, what they do not say is marked."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

from recaudit.analyses.protocol import PROTOCOLS
from recaudit.errors import UsageError
from recaudit.plan.look import ROLES, Seen, Unknown
from recaudit.report.files import RENDERERS
from recaudit.text import printable

FILL_IN = "FILL IN"
"""Marks what the files do not say."""

_PLACES = {"checkpoint": "model.pt", "data": "ratings"}
"""What stands for a file that was not named; a run says that it is nowhere."""
_SAMPLES = {
    "ids": '"ids.csv"',
    "map": '"map.toml"',
    "column": '{ user = "NAME", item = "NAME" }',
    "conditions": '["NAME", "NAME"]',
    "other-table": '"FILE"',
    "item-features": '"FILE"',
    "user-features": '"FILE"',
    "layout": '"NAME"',
    "tool": '"NAME"',
    "split": '"NAME"',
    "split-column": '"NAME"',
}
_OWN_PROTOCOL = {"ReChorus": "recsae", "RecSAE": "recsae"}


def draft(seen: Seen, folder: Path, stem: str) -> str:
    """The text of an audit.

    Args:
        folder: where the TOML will lie; files are named from there.
        stem: of its name, which the reports bear too.

    Raises:
        UsageError: a file's name cannot stand in TOML.
    """
    sections = (_head(seen, stem), _model(seen, folder), _dictionary(seen), _looks(seen), _report(stem))
    return "\n".join("".join(f"{line}\n" for line in section) for section in sections)


def _head(seen: Seen, stem: str) -> Iterator[str]:
    yield f"# An audit as code. `recaudit run {printable(stem)}.toml` does what of it is missing and writes the reports;"
    yield "# keys are the long options of the command that each section names; docs/audits.md says more."
    if seen.unknown:
        yield f"# Lines marked {FILL_IN} are what could not be told from the files."
    yield ""
    yield f"about = {_text(f'{seen.name} of {seen.tool}' if seen.name else 'What is audited')}"
    yield "# Where somebody else gets the files below; shown to who lacks them."
    yield 'source = ""'


def _model(seen: Seen, folder: Path) -> Iterator[str]:
    unknown = {one.key: one for one in reversed(seen.unknown)}
    yield "# `recaudit ingest`: the recommender and its data."
    yield "[model]"
    yield f"name = {_text((seen.name or 'mine').lower().replace(' ', '-'))}"
    for role in ("checkpoint", "data", "ids", "sae"):
        if role in seen.about:
            yield from _remark(seen.about[role])
        if role in seen.files:
            yield f"{role} = {_file(seen.files[role], folder)}"
            if role in unknown:
                yield from _remark(f"{FILL_IN}: {unknown.pop(role).why}")
        elif role in _PLACES:
            yield from _remark(f"{FILL_IN}: {unknown.pop(role).why}")
            yield f"{role} = {_text(_PLACES[role])}"
        elif role == "ids" and "ids" not in unknown:
            yield from _remark(f"{ROLES[role]}, where neither checkpoint nor data say it (kind, row, raw_id)")
            yield f"# {role} = {_SAMPLES[role]}"
    if "sae" in seen.files:
        yield "# Whose vectors the autoencoder takes apart, which no file says: user, item or both."
        yield 'site = "user"'
    for one in unknown.values():
        yield from _asked(one)
    if seen.n_conditions:
        yield f"# Names of the model's {seen.n_conditions} conditions in the order of its inputs; without, none is set."
        yield f"# conditions = {_SAMPLES['conditions']}"
    yield "# How ranking is measured, one of:"
    for protocol in PROTOCOLS.values():
        yield from _remark(f"- {protocol.name}: {protocol.about}", indent="  ")
    yield f"protocol = {_text(_OWN_PROTOCOL.get(seen.tool or '', 'history'))}"


def _asked(one: Unknown) -> Iterator[str]:
    yield from _remark(f"{FILL_IN}: {one.why}")
    yield f"# {one.key} = {_SAMPLES.get(one.key, '1')}"


def _dictionary(seen: Seen) -> Iterator[str]:
    has_one = "sae" in seen.files or seen.sae_inside
    yield "# `recaudit train`: a sparse autoencoder to train. The first is the one reports are about."
    if has_one:
        yield "# The model comes with one; remove the marks to train another beside it."
    mark = "# " if has_one else ""
    yield f"{mark}[[dictionary]]"
    yield f'{mark}name = "topk"'
    yield "# Latents per dimension of the model's vectors, and latents active in each of them."
    yield f"{mark}scale = 16"
    yield f"{mark}k = 8"


def _looks(seen: Seen) -> Iterator[str]:
    if seen.layout is not None and not seen.concepts:
        yield "# The data name no genres, tags or categories of items: concepts are decades and popularity bands alone."
    yield "# What each latent stands for, and which concept none stands for."
    yield "[concepts]"
    yield ""
    yield '# Names for latents, tried on users they were not made from. With a language model: with = "ollama:MODEL".'
    yield "[label]"
    yield ""
    yield "# Concept activation vectors: what the item vectors hold, SAE or not."
    yield "[cav]"


def _report(stem: str) -> Iterator[str]:
    yield "# Files are written in the folder the command is given in."
    yield "[report]"
    yield f"outputs = [{', '.join(_text(stem + ending) for ending in sorted(RENDERERS))}]"


def _remark(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        printable(text[:1].upper() + text[1:], 1200),
        width=110, initial_indent="# ", subsequent_indent=f"# {indent}",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _file(path: Path, folder: Path) -> str:
    return _text(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())


def _text(value: str) -> str:
    """A TOML string."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            f"{printable(value)}: no TOML file can hold this name", fix="rename the file in UTF-8"
        ) from None
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
