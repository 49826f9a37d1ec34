"""What a diff shows, before any drawing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recaudit import __version__
from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.concepts import Fate
from recaudit.analyses.diff.findings import HEADLINE
from recaudit.analyses.diff.outcome import Subject
from recaudit.analyses.protocol import PROTOCOLS
from recaudit.metrics.catalogue import BY_NAME
from recaudit.report import layout
from recaudit.report.diff import concepts, latents, lists, metrics
from recaudit.report.diff.chapter import Chapter, signed
from recaudit.report.model import FindingRow


@dataclass(frozen=True)
class DiffDocument:
    """A diff as it is read: findings, facts of both sides, chapters.

    Attributes:
        tiles: figures for the top: what it is, its change, A's and B's values, what to hold it against.
        facts: what each side is, a row a fact: its name, A's value, B's.
        method: what the numbers rest on: a word and a sentence.
    """

    tool_version: str
    a: str
    b: str
    about: str
    findings: list[FindingRow]
    tiles: list[tuple[str, str, str, str]]
    facts: list[tuple[str, str, str]]
    chapters: list[Chapter]
    method: list[tuple[str, str]]

    @property
    def about_sentence(self) -> str:
        """Whom the comparison is over, as a sentence."""
        return f"{self.about[0].upper()}{self.about[1:]}."


def compose(diff: Diff) -> DiffDocument:
    """The document of a diff."""
    return DiffDocument(
        tool_version=__version__,
        a=diff.a.label,
        b=diff.b.label,
        about=diff.about,
        findings=[FindingRow(one.severity, one.code, one.sentence, one.evidence) for one in diff.findings],
        tiles=list(_tiles(diff)),
        facts=_facts(diff.a, diff.b),
        chapters=[part.chapter(diff) for part in (metrics, concepts, lists, latents)],
        method=_method(diff),
    )


def _tiles(diff: Diff) -> Iterator[tuple[str, str, str, str]]:
    for one in diff.metrics:
        if one.a.metric == HEADLINE[0] and one.a.slice == {"ranking": "original"}:
            values = f"{layout.number(one.a.value)} → {layout.number(one.b.value)}"
            yield BY_NAME[one.a.metric].title, signed(one.change.value), values, str(one.direction)
    for found in diff.concepts[:1]:
        lost, new, open_ = (len(found.of(fate)) for fate in (Fate.LOST, Fate.NEW, Fate.UNDECIDED))
        yield "Concepts lost", str(lost), f"of {found.held}", f"{new} new, {open_} undecided"
    if diff.lists is not None:
        overlap = diff.lists.overlap
        interval = f"{10 * overlap.low:.1f} … {10 * overlap.high:.1f}"
        chance = f"two different users {10 * diff.lists.by_chance:.1f}"
        yield "Items in common of ten", f"{10 * overlap.value:.1f}", interval, chance
    if diff.latents is not None:
        kept = f"of {diff.latents.compared_a:,}"
        yield "Latents kept", f"{len(diff.latents.kept):,}", kept, f"{len(diff.latents.new):,} new"


def _facts(a: Subject, b: Subject) -> list[tuple[str, str, str]]:
    sides = [_described(one) for one in (a, b)]
    return [(name, sides[0][name], sides[1][name]) for name in sides[0]]


def _described(one: Subject) -> dict[str, str]:
    model, sae = one.model, one.sae
    dictionary = "none"
    if sae is not None:
        k = f", k = {sae.k}" if sae.k else ""
        dictionary = f"{sae.name}: {sae.tool}, {sae.n_latents:,} latents, {sae.activation}{k}"
    return {
        "model": f"{model.name}: {model.tool} {model.architecture}, {model.dim} wide",
        "checkpoint": f"{model.checkpoint}, sha256 {model.sha256[:12]}",
        "dictionary": dictionary,
        "audit file": one.file,
    }


def _method(diff: Diff) -> list[tuple[str, str]]:
    protocol = "none that both are measured under"
    if diff.protocol is not None:
        protocol = f"{diff.protocol}: {PROTOCOLS[diff.protocol].about}"
    return [
        ("Protocol", f"{protocol}."),
        (
            "Intervals",
            f"95 %; B less A. {'The same' if diff.paired else 'Each side’s own'} users are drawn, seed {diff.seed}; a "
            "number that does not follow from users has only its stored interval on either side, taken as independent, "
            "which errs towards too wide.",
        ),
        (
            "Many tests at once",
            "Benjamini-Hochberg over the numbers, over the concepts, over the pairs of latents.",
        ),
    ]
