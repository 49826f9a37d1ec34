"""Fates of concepts, one row a rule; and that gates say the same."""

from __future__ import annotations

import numpy as np
import pytest

from recaudit.analyses.diff.concepts import COVERAGE, VECTORS, Best, Fate, changes, with_latents
from recaudit.analyses.diff.summary import Concept
from recaudit.gates.concepts import concept_verdict
from recaudit.gates.rules import ConceptRule
from recaudit.metrics.judging import Place

FIRST, SECOND = "coverage by recommended10", "coverage by direct"


def concept(name, auc, *, held, source=FIRST, kind="genre", width=0.02):
    return Concept(source, kind, name, held, auc, auc - width, auc + width)


def fates(old, new, by=COVERAGE):
    return {one.name: one.fate for one in changes(old, new, by)}


@pytest.mark.parametrize(
    ("old", "new", "fate"),
    [
        ((0.9, True), (0.9, True), Fate.KEPT),
        ((0.9, True), (0.8, True), Fate.KEPT),
        ((0.9, True), (0.6, False), Fate.LOST),
        ((0.9, True), (0.875, False), Fate.UNDECIDED),
        ((0.9, True), (0.89, False), Fate.KEPT),
        ((0.6, False), (0.9, True), Fate.NEW),
        ((0.875, False), (0.9, True), Fate.UNDECIDED),
        ((0.89, False), (0.9, True), Fate.KEPT),
        ((0.6, False), (0.6, False), Fate.ABSENT),
    ],
)
def test_fates(old, new, fate):
    before, after = concept("x", old[0], held=old[1]), concept("x", new[0], held=new[1])
    assert fates([before], [after]) == {"x": fate}


def test_what_one_side_did_not_test_is_undecided():
    known, other = concept("known", 0.9, held=True), concept("other", 0.9, held=True)
    found = fates([known, concept("missed", 0.5, held=False)], [other])
    assert found == {"known": Fate.UNDECIDED, "other": Fate.UNDECIDED, "missed": Fate.ABSENT}


def test_one_fall_among_many_may_be_chance():
    """A fall of two standard errors is lost alone, and undecided as one of thirty."""
    pairs = [(concept(f"c{i}", 0.8, held=True), concept(f"c{i}", 0.8, held=False)) for i in range(29)]
    fallen = concept("fallen", 0.8, held=True), concept("fallen", 0.8 - 0.03, held=False)
    assert fates(*([side] for side in fallen))["fallen"] is Fate.LOST
    old, new = zip(*pairs, fallen, strict=True)
    assert fates(old, new)["fallen"] is Fate.UNDECIDED


def test_the_interval_is_of_two_independent_ones():
    (found,) = changes([concept("x", 0.9, held=True)], [concept("x", 0.8, held=True, width=0.03)], COVERAGE)
    assert (found.change, found.high - found.low) == pytest.approx((-0.1, 2 * np.hypot(0.02, 0.03)))


def test_another_rule_stands_in_where_the_first_cannot_test():
    """A genre that is no longer recommended has too few recommended items; latents still act on all of its items."""
    held = concept("Horror", 0.95, held=True)
    old = [held, concept("Horror", 0.99, held=True, source=SECOND), concept("War", 0.9, held=True)]
    new = [concept("Horror", 0.6, held=False, source=SECOND), concept("War", 0.9, held=True)]
    horror, war = changes(old, new, COVERAGE)
    assert (horror.fate, horror.source, war.source) == (Fate.LOST, SECOND, FIRST)
    # Not where it disagrees with the first on what the old model held.
    old[1] = concept("Horror", 0.6, held=False, source=SECOND)
    assert changes(old, new, COVERAGE)[0].fate is Fate.UNDECIDED


def test_sources_are_not_mixed():
    old = [concept("x", 0.9, held=True), concept("x", 0.9, held=True, source="cav pooled")]
    new = [concept("x", 0.9, held=True), concept("x", 0.5, held=False, source="cav pooled")]
    assert fates(old, new) == {"x": Fate.KEPT}
    assert fates(old, new, VECTORS) == {"x": Fate.LOST}


def best(**latents):
    return {("genre", name): Best(latent, True) for name, latent in latents.items()}


def test_concepts_merge_and_split():
    held = [concept(name, 0.9, held=True) for name in ("a", "b", "c")]
    found = changes(held, held, COVERAGE)
    apart, together = best(a=1, b=2, c=3), best(a=7, b=7, c=3)
    merged = with_latents(found, apart, together)
    assert [(one.fate, one.shared_with, one.latent_a, one.latent_b) for one in merged] == [
        (Fate.MERGED, ("b",), 1, 7),
        (Fate.MERGED, ("a",), 2, 7),
        (Fate.KEPT, (), 3, 3),
    ]
    split = with_latents(found, together, apart)
    assert [(one.fate, one.shared_with) for one in split[:2]] == [(Fate.SPLIT, ("b",)), (Fate.SPLIT, ("a",))]
    assert {one.fate for one in with_latents(found, together, together)} == {Fate.KEPT}


def test_a_best_latent_that_half_the_items_disagree_on_merges_nothing():
    held = [concept(name, 0.9, held=True) for name in ("a", "b")]
    shaky = {("genre", "a"): Best(7, True), ("genre", "b"): Best(7, False)}
    found = with_latents(changes(held, held, COVERAGE), best(a=1, b=2), shaky)
    assert {one.fate for one in found} == {Fate.KEPT}


def test_the_gate_gives_the_same_answer():
    rng = np.random.default_rng(0)
    for _ in range(50):
        old, new = (
            [concept(f"c{i}", rng.uniform(0.6, 0.95), held=rng.random() < 0.7) for i in range(8)]
            for _ in "ab"
        )
        found = fates(old, new)
        held = {one.name for one in old if one.held}
        lost = [name for name in held if found[name] is Fate.LOST]
        doubtful = [name for name in held if found[name] is Fate.UNDECIDED]
        verdict = concept_verdict(ConceptRule("r", 1), new, old)
        assert (verdict.lost, verdict.n) == (len(lost), len(held))
        expected = Place.OUTSIDE if lost else Place.NEITHER if doubtful else Place.INSIDE
        assert verdict.place is expected
