"""What became of each concept: kept, split, merged, lost, new, or undecided.

A side *holds* a concept where its coverage (or its concept vector) passed its own test. Held there and not here is a
loss only where the AUC also fell by more than both intervals allow for. Where these rule out a fall of more than
``SMALL``, it is kept: its own test sat on the edge and turned. Anything between is undecided. A gate's rule "no concept
lost" is decided by the same function.

Two concepts *merge* where the first model has a latent for each and the second one latent for both; one *splits* the
other way round. Only latents that most half-picks agree on count: a concept whose best latent changes with the half of
the items one looks at shares it with nobody in particular.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from recaudit.analyses.diff.sides import Side
from recaudit.analyses.diff.summary import Concept
from recaudit.metrics import judging
from recaudit.store import diff as store
from recaudit.store.diff import CONCEPT_RULES

_Z = 1.959963984540054
STEADY = 0.5
"""Share of half-picks above which a latent is a concept's own."""

SMALL = 0.05
"""A fall of the AUC that is none to speak of."""

Key = tuple[str, str]
"""Kind and name."""


class Fate(StrEnum):
    """What became of a concept. ``absent``: neither side holds it."""

    LOST = "lost"
    MERGED = "merged"
    SPLIT = "split"
    NEW = "new"
    UNDECIDED = "undecided"
    KEPT = "kept"
    ABSENT = "absent"


@dataclass(frozen=True)
class ConceptChange:
    """A concept on both sides.

    Attributes:
        source: what it was judged by: ``coverage by RULE``, or the variant of a concept vector.
        a, b: as each side found it; None where that side did not test it.
        change: AUC of B less that of A, with the 95 % interval of two independent ones; None where one is missing.
        q: of a fall (of a rise) that large by chance, Benjamini-Hochberg over the concepts that A (that B) holds;
            None where both or neither hold it.
        latent_a, latent_b: its best latents, by coverage only.
        shared_with: concepts that it merged with, or that it was split from.
    """

    kind: str
    name: str
    fate: Fate
    source: str
    a: Concept | None
    b: Concept | None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    q: float | None = None
    latent_a: int | None = None
    latent_b: int | None = None
    shared_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConceptDiff:
    """All concepts that either side tested, those of most consequence first.

    ``by`` is ``coverage`` (a latent stands for it) or ``vectors`` (the item vectors hold it).
    """

    by: str
    changes: tuple[ConceptChange, ...]

    def of(self, *fates: Fate) -> tuple[ConceptChange, ...]:
        """Those of some fates."""
        return tuple(change for change in self.changes if change.fate in fates)

    @property
    def held(self) -> int:
        """Concepts that the first side holds."""
        return sum(change.a is not None and change.a.held for change in self.changes)


COVERAGE, VECTORS = "coverage", "vectors"


def sources(old: Sequence[Concept], new: Sequence[Concept], by: str) -> tuple[str, ...]:
    """What both sides tested concepts by, the first choice first: attribution rules, or the kind of concept vector."""
    both = {c.source for c in old} & {c.source for c in new}
    if by == COVERAGE:
        return tuple(s for rule in CONCEPT_RULES if (s := f"coverage by {rule}") in both)
    return tuple(sorted(source for source in both if not source.startswith("coverage by "))[:1])


def changes(
    old: Sequence[Concept], new: Sequence[Concept], by: str, *, kind: str | None = None
) -> tuple[ConceptChange, ...]:
    """Fates from what both sides found, in order of kind and name.

    A concept is judged by the first source under which both sides could test it, or else is undecided: one whose items
    a model no longer recommends cannot be tested by what is recommended, but by what latents do to the items' scores.

    One-sided z of the two AUCs, their intervals taken as independent; BH over all concepts that the old side holds for
    losses, and over all that the new one holds for gains. Over those alone that changed sides it would be too lax:
    they were picked for their fall.

    Args:
        by: ``COVERAGE`` or ``VECTORS``.
        kind: only concepts of it.
    """
    tables = [(_by_key(old, s, kind), _by_key(new, s, kind)) for s in sources(old, new, by)]
    keys = sorted({key for before, after in tables for key in (*before, *after)})
    found = [_change(key, *_judged(key, tables)) for key in keys]
    for sign, fate in ((-1, Fate.LOST), (1, Fate.NEW)):
        family = [i for i, one in enumerate(found) if _could(one, sign)]
        qs = judging.false_discoveries([_p(found[i], sign) for i in family])
        for i, q in zip(family, qs, strict=True):
            if found[i].fate is Fate.UNDECIDED:
                found[i] = replace(
                    found[i], q=q, fate=fate if q <= judging.ALPHA else _unmoved(found[i], sign)
                )
    return tuple(found)


def compared(old: Sequence[Concept], new: Sequence[Concept], a: Side, b: Side) -> tuple[ConceptDiff, ...]:
    """By coverage and by concept vectors, as far as both sides have either."""
    found = []
    for by in (COVERAGE, VECTORS):
        fates = changes(old, new, by)
        if by == COVERAGE:
            fates = with_latents(fates, _latents(a, fates), _latents(b, fates))
        if fates:
            found.append(ConceptDiff(by, tuple(sorted(fates, key=_consequence))))
    return tuple(found)


_Table = Mapping[Key, Concept]


def _by_key(concepts: Sequence[Concept], source: str, kind: str | None) -> dict[Key, Concept]:
    return {(c.kind, c.name): c for c in concepts if c.source == source and kind in (None, c.kind)}


def _judged(key: Key, tables: Sequence[tuple[_Table, _Table]]) -> tuple[Concept | None, Concept | None]:
    """The concept on both sides by the first source that has it on both, or the one side that any has.

    A later source stands in for the first only where it finds the same on the side that the first could test.
    """
    sides = [(before.get(key), after.get(key)) for before, after in tables]
    first = next(pair for pair in sides if pair != (None, None))
    for pair in sides:
        if None not in pair and all(
            own is None or (other is not None and own.held == other.held)
            for own, other in zip(first, pair, strict=True)
        ):
            return pair
    return first


def _change(key: Key, a: Concept | None, b: Concept | None) -> ConceptChange:
    if a is None or b is None:
        alone = a or b
        assert alone is not None
        return ConceptChange(*key, Fate.UNDECIDED if alone.held else Fate.ABSENT, alone.source, a, b)
    fate = {(True, True): Fate.KEPT, (False, False): Fate.ABSENT}.get((a.held, b.held), Fate.UNDECIDED)
    change, error = b.auc - a.auc, _error(a, b)
    if error is None:
        return ConceptChange(*key, fate, a.source, a, b, change)
    return ConceptChange(*key, fate, a.source, a, b, change, change - _Z * error, change + _Z * error)


def _could(change: ConceptChange, sign: int) -> bool:
    """Whether a concept could be lost (``sign`` -1: the old side holds it) or new (1: the new side does)."""
    if change.a is None or change.b is None:
        return False
    return change.a.held if sign < 0 else change.b.held


def _unmoved(change: ConceptChange, sign: int) -> Fate:
    """Kept where the AUC cannot have moved by more than ``SMALL``: only a test that it was near the edge of turned."""
    end = change.low if sign < 0 else change.high
    return Fate.KEPT if end is not None and sign * end < SMALL else Fate.UNDECIDED


def _p(change: ConceptChange, sign: int) -> float:
    """One-sided p of a fall or rise as large."""
    assert change.a is not None
    assert change.b is not None
    error = _error(change.a, change.b)
    if error is None:
        return 1.0
    return judging.p_allowed(-sign * (change.b.auc - change.a.auc), error, (0.0, np.inf))


def _error(a: Concept, b: Concept) -> float | None:
    widths = [(c.high - c.low) / (2 * _Z) for c in (a, b) if c.low is not None and c.high is not None]
    return float(np.hypot(widths[0], widths[1])) if len(widths) == 2 else None


@dataclass(frozen=True)
class Best:
    """A concept's best latent; ``steady`` where most half-picks agree on it."""

    latent: int
    steady: bool


def _latents(side: Side, found: Sequence[ConceptChange]) -> dict[Key, Best]:
    """Best latents under the rule that each concept was judged by."""
    if side.sae is None:
        return {}
    rules = {(one.kind, one.name): one.source for one in found}
    best = {}
    for row in store.concept_latents(side.audit, side.sae).itertuples():
        if rules.get((row.kind, row.name)) == f"coverage by {row.rule}":
            best[row.kind, row.name] = Best(int(row.latent), row.pick_share >= STEADY)
    return best


def with_latents(
    found: Sequence[ConceptChange], best_a: Mapping[Key, Best], best_b: Mapping[Key, Best]
) -> tuple[ConceptChange, ...]:
    """Best latents, and among kept concepts the merged and the split ones."""
    kept = [(one.kind, one.name) for one in found if one.fate is Fate.KEPT]
    merged = _sharing(kept, apart=best_a, together=best_b)
    split = _sharing(kept, apart=best_b, together=best_a)
    done = []
    for one in found:
        key = (one.kind, one.name)
        fate = Fate.MERGED if key in merged else Fate.SPLIT if key in split else one.fate
        shared = merged.get(key) or split.get(key, ())
        latents = [best[key].latent if key in best else None for best in (best_a, best_b)]
        done.append(replace(one, fate=fate, shared_with=shared, latent_a=latents[0], latent_b=latents[1]))
    return tuple(done)


def _sharing(
    keys: Sequence[Key], *, apart: Mapping[Key, Best], together: Mapping[Key, Best]
) -> dict[Key, tuple[str, ...]]:
    """Concepts of one kind that share a latent on one side and have latents of their own on the other."""
    groups: defaultdict[tuple[str, int], list[Key]] = defaultdict(list)
    for key in keys:
        if key in apart and key in together and apart[key].steady and together[key].steady:
            groups[key[0], together[key].latent].append(key)
    found = {}
    for members in groups.values():
        for key in members:
            others = tuple(o[1] for o in members if o != key and apart[o].latent != apart[key].latent)
            if others:
                found[key] = others
    return found


def _consequence(change: ConceptChange) -> tuple[int, float, str, str]:
    return list(Fate).index(change.fate), -abs(change.change or 0.0), change.kind, change.name
