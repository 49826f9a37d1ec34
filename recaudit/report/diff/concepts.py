"""Fates of concepts."""

from __future__ import annotations

from collections import Counter

from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.concepts import COVERAGE, VECTORS, ConceptChange, ConceptDiff, Fate
from recaudit.analyses.diff.summary import Concept
from recaudit.report import charts, layout
from recaudit.report.diff.chapter import Chapter, chance, change, hundredths, on, table
from recaudit.report.model import Exhibit

ROWS = 40
CHART_ROWS = 30
TITLES = {COVERAGE: "Concepts that a latent stands for", VECTORS: "Concepts that the item vectors hold"}
_MARKS = {
    Fate.LOST: "✗\u00a0lost",
    Fate.MERGED: ">\u00a0merged",
    Fate.SPLIT: "<\u00a0split",
    Fate.NEW: "+\u00a0new",
    Fate.UNDECIDED: "?\u00a0undecided",
    Fate.KEPT: "✓\u00a0kept",
}


def chapter(diff: Diff) -> Chapter:
    """One exhibit a source."""
    about = (
        "A concept is lost (new) where only A (only B) holds it and the AUC fell (rose) by more than both intervals allow "
        "for; where it did not, that is undecided, or kept where a move of more than .05 is ruled out. Concepts merged where each had a latent of its own in A and one latent "
        "stands for them in B; split the other way round."
    )
    shown = [_exhibit(diff, one) for one in diff.concepts]
    return Chapter(
        "concepts", "Concepts", about, [one for one in shown if one.table.rows], diff.missing.get("concepts")
    )


def _exhibit(diff: Diff, concepts: ConceptDiff) -> Exhibit:
    shown = [one for one in concepts.changes if one.fate is not Fate.ABSENT]
    absent = len(concepts.changes) - len(shown)
    rows = [
        [
            _MARKS[one.fate] + (f" with {', '.join(one.shared_with)}" if one.shared_with else ""),
            one.name,
            one.kind,
            _auc(one.a),
            _auc(one.b),
            change(one.change, one.low, one.high, hundredths),
            chance(one.q),
            _latent(one.latent_a),
            _latent(one.latent_b),
        ]
        for one in shown[:ROWS]
    ]
    columns = ["fate", "concept", "kind", "AUC in A", "AUC in B", "change", "q", "latent A", "latent B"]
    if concepts.by == VECTORS:
        columns, rows = columns[:-2], [row[:-2] for row in rows]
    made = table(
        f"diff_concepts_{concepts.by}", TITLES[concepts.by], _caption(concepts, absent), columns, rows,
        of=len(shown), sql=_sql(diff, concepts),
    )  # fmt: skip
    return Exhibit(made, _chart(shown[:CHART_ROWS]) if shown else None)


def _caption(concepts: ConceptDiff, absent: int) -> str:
    counts = Counter(one.source for one in concepts.changes if one.fate is not Fate.ABSENT)
    said = ", ".join(f"{count} {source}" for source, count in counts.most_common())
    return f"Judged: {said}. {absent} more that neither holds are left out."


def _sql(diff: Diff, concepts: ConceptDiff) -> str:
    if concepts.by == VECTORS or diff.b.sae is None:
        return on(diff.b, f"SELECT * FROM cavs WHERE model_id = {diff.b.model.model_id}")
    return on(
        diff.b,
        f"SELECT * FROM concept_coverage WHERE sae_id = {diff.b.sae.sae_id} ORDER BY rule, auc DESC",
    )


def _latent(number: int | None) -> layout.Figure:
    return layout.Figure("–" if number is None else number)


def _auc(concept: Concept | None) -> layout.Figure:
    if concept is None:
        return layout.Figure("–")
    return layout.estimate(concept.auc, concept.low, concept.high)


def _chart(shown: list[ConceptChange]) -> charts.Chart:
    rows = [
        charts.Row(
            one.name,
            concept.auc,
            concept.low,
            concept.high,
            f"{one.name} in {side}: {layout.short(concept.auc)}, {one.fate}",
            series=side,
            panel=str(one.fate),
        )
        for one in shown
        for side, concept in (("A", one.a), ("B", one.b))
        if concept is not None
    ]
    return charts.forest(rows, x_title="AUC on held-out items", series={"A": "s1", "B": "s2"}, reference=0.5)
