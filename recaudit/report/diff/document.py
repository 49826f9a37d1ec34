"""What a diff shows, before any drawing."""

from __future__ import annotations

from dataclasses import dataclass

from recaudit import __version__
from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.outcome import Subject
from recaudit.analyses.protocol import PROTOCOLS
from recaudit.report.diff import concepts, latents, lists, metrics
from recaudit.report.diff.chapter import Chapter
from recaudit.report.model import FindingRow


@dataclass(frozen=True)
class DiffDocument:
    """A diff as it is read: findings, facts of both sides, chapters.

    Attributes:
        facts: what each side is, a row a fact: its name, A's value, B's.
        method: what the numbers rest on: a word and a sentence.
    """

    tool_version: str
    a: str
    b: str
    about: str
    findings: list[FindingRow]
    facts: list[tuple[str, str, str]]
    chapters: list[Chapter]
    method: list[tuple[str, str]]


def compose(diff: Diff) -> DiffDocument:
    """The document of a diff."""
    return DiffDocument(
        tool_version=__version__,
        a=diff.a.label,
        b=diff.b.label,
        about=diff.about,
        findings=[FindingRow(one.severity, one.code, one.sentence, one.evidence) for one in diff.findings],
        facts=_facts(diff.a, diff.b),
        chapters=[part.chapter(diff) for part in (metrics, concepts, lists, latents)],
        method=_method(diff),
    )


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
        ("Users", f"{diff.about[0].upper()}{diff.about[1:]}."),
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
