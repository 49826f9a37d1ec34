"""Everything about one latent as blocks, the quick ones first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from recaudit.analyses import attribution
from recaudit.labels.edits import set_name
from recaudit.report import latent as report
from recaudit.store import Audit, labels, listings, notes, writing
from recaudit.text import printable
from recaudit.tui.blocks import Block
from recaudit.tui.data.write_out import block, facts
from recaudit.tui.host import Subject


@dataclass(frozen=True)
class Pinned:
    """What people have said of a latent, for the dialogs that change it."""

    name: str
    note: str
    marked: bool


def pinned(audit: Audit, subject: Subject, latent: int) -> Pinned:
    """Name by hand, note, bookmark."""
    assert subject.sae is not None
    by_hand = labels.by_hand(audit, subject.sae).get(latent)
    note = notes.note(audit, subject.sae, latent)
    return Pinned(
        by_hand[0] if by_hand else "",
        note[0] if note else "",
        notes.bookmarked(audit, subject.sae, latent),
    )


def blocks(audit: Audit, subject: Subject, latent: int) -> Iterator[Block]:
    """The page of a latent, headed by its name and what is pinned to it."""
    model, sae = subject.model, subject.sae
    assert sae is not None
    own = pinned(audit, subject, latent)
    name = next(
        (text for number, text in listings.search_latents(audit, sae, str(latent), 1) if number == latent), ""
    )
    note = notes.note(audit, sae, latent)
    mark = "★ " if own.marked else ""
    for number, table in enumerate(report.parts(audit, model, sae, latent, attribution.DEFAULT_RULE)):
        made = block(table)
        if number == 0:
            made = replace(made, title=f"{mark}Latent {latent}" + (f": {printable(name)}" if name else ""))
            yield made
            if note:
                yield facts("note", "Note", [(note[1], note[0])], "SELECT * FROM notes")
        else:
            yield made


def change_name(path: Path, subject: Subject, latent: int, text: str, author: str) -> str:
    """Give a latent a name by hand; says what was done."""
    assert subject.sae is not None
    change = set_name(path, subject.model.name, subject.sae.name, latent, text, author=author, source="tui")
    return (
        f"Latent {latent} is called “{change.text}”"
        if change.text
        else f"Latent {latent}: name by hand taken back"
    )


def change_note(path: Path, subject: Subject, latent: int, text: str, author: str) -> str:
    """Give a latent a note; says what was done."""
    assert subject.sae is not None
    with writing(path) as audit:
        notes.write_note(audit, subject.sae, latent, text, author)
    return f"Latent {latent}: note kept" if text else f"Latent {latent}: note taken away"


def change_mark(path: Path, subject: Subject, latent: int, author: str) -> str:
    """Mark a latent or take the mark away; says which."""
    assert subject.sae is not None
    with writing(path) as audit:
        marked = notes.mark(audit, subject.sae, latent, author)
    return f"Latent {latent} {'marked' if marked else 'no longer marked'}"
