"""Which concepts a model lost beside its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recaudit.analyses.diff.concepts import COVERAGE, VECTORS, Fate, changes, sources
from recaudit.analyses.diff.summary import Concept
from recaudit.gates.rules import ConceptRule
from recaudit.metrics.judging import Place


@dataclass(frozen=True)
class ConceptVerdict:
    """``place`` says whether the rule holds; ``missing`` why it could not be checked."""

    lost: float = 0.0
    n: int = 0
    place: Place = Place.INSIDE
    said: str = ""
    how: str = ""
    missing: str = ""


def concept_verdict(rule: ConceptRule, new: Sequence[Concept], old: Sequence[Concept]) -> ConceptVerdict:
    """A concept that the baseline holds is lost, kept or doubtful as ``recaudit diff`` says."""
    by = COVERAGE if rule.by == "coverage" else VECTORS
    used = sources(old, new, by)
    if not used:
        command = "concepts" if rule.by == "coverage" else "cav"
        return ConceptVerdict(
            missing=f"the model or the baseline has no concepts by {rule.by}: run `recaudit {command} MODEL`"
        )
    held = [one for one in changes(old, new, by, kind=rule.kind) if one.a is not None and one.a.held]
    if not held:
        return ConceptVerdict(missing="the baseline holds no concept of this kind")
    lost = [one.name for one in held if one.fate is Fate.LOST]
    doubtful = [one.name for one in held if one.fate is Fate.UNDECIDED]
    said = f"{len(held) - len(lost) - len(doubtful)} of {len(held)} kept"
    if lost:
        said += f"; lost: {', '.join(lost)}"
    if doubtful:
        said += f"; not held now, but no clear fall: {', '.join(doubtful)}"
    place = Place.INSIDE if len(lost) + len(doubtful) <= rule.max_lost else Place.NEITHER
    if len(lost) > rule.max_lost:
        place = Place.OUTSIDE
    tested = sum(one.b is not None for one in held)
    how = f"{', else '.join(used)}; fall of the AUC, z of independent intervals, BH over {tested} concepts"
    return ConceptVerdict(float(len(lost)), len(held), place, said, how)
