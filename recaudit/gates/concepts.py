"""Which concepts a model lost beside its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recaudit.analyses.diff.summary import Concept
from recaudit.gates.rules import ConceptRule
from recaudit.metrics import judging
from recaudit.metrics.judging import Place
from recaudit.store.diff import CONCEPT_RULES

_Z = 1.959963984540054


@dataclass(frozen=True)
class ConceptDiff:
    """``place`` says whether the rule holds; ``missing`` why it could not be checked."""

    lost: float = 0.0
    n: int = 0
    place: Place = Place.INSIDE
    said: str = ""
    how: str = ""
    missing: str = ""


def concept_verdict(rule: ConceptRule, new: Sequence[Concept], old: Sequence[Concept]) -> ConceptDiff:
    """A concept is lost where the baseline holds it, the model does not, and its AUC fell by more than noise: one-sided
    z of the two AUCs, BH over the concepts that the model does not hold. Not held without such a fall is doubtful."""
    source = _source(rule, new, old)
    if source is None:
        command = "concepts" if rule.by == "coverage" else "cav"
        return ConceptDiff(
            missing=f"the model or the baseline has no concepts by {rule.by}: run `recaudit {command} MODEL`"
        )
    now = {(c.kind, c.name): c for c in new if c.source == source}
    held = [c for c in old if c.source == source and c.held and rule.kind in (None, c.kind)]
    if not held:
        return ConceptDiff(missing="the baseline holds no concept of this kind")
    gone = [c.name for c in held if (c.kind, c.name) not in now]
    weaker = [
        (c, now[c.kind, c.name]) for c in held if (c.kind, c.name) in now and not now[c.kind, c.name].held
    ]
    qs = judging.false_discoveries([_p_fall(before, after) for before, after in weaker])
    lost = [after.name for (_, after), q in zip(weaker, qs, strict=True) if q <= judging.ALPHA]
    doubtful = [after.name for (_, after), q in zip(weaker, qs, strict=True) if q > judging.ALPHA]
    doubtful += gone
    said = f"{len(held) - len(lost) - len(doubtful)} of {len(held)} kept"
    if lost:
        said += f"; lost: {', '.join(lost)}"
    if doubtful:
        said += f"; not held now, but no clear fall: {', '.join(doubtful)}"
    place = Place.INSIDE if len(lost) + len(doubtful) <= rule.max_lost else Place.NEITHER
    if len(lost) > rule.max_lost:
        place = Place.OUTSIDE
    how = f"{source}; fall of the AUC, z of independent intervals, BH over {len(weaker)} concepts"
    return ConceptDiff(float(len(lost)), len(held), place, said, how)


def _source(rule: ConceptRule, new: Sequence[Concept], old: Sequence[Concept]) -> str | None:
    """The attribution rule, or the kind of CAV, that both have."""
    both = {c.source for c in new} & {c.source for c in old}
    if rule.by == "coverage":
        return next((s for r in CONCEPT_RULES if (s := f"coverage by {r}") in both), None)
    return min((s for s in both if not s.startswith("coverage by ")), default=None)


def _p_fall(before: Concept, after: Concept) -> float:
    widths = [
        (c.high - c.low) / (2 * _Z) for c in (before, after) if c.low is not None and c.high is not None
    ]
    if len(widths) < 2:
        return 1.0
    return judging.p_allowed(after.auc - before.auc, float(np.hypot(widths[0], widths[1])), (0.0, np.inf))
