"""Fates of concepts."""

from __future__ import annotations

from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.concepts import ConceptChange, ConceptDiff, Fate
from recaudit.analyses.diff.summary import Concept
from recaudit.report import charts, layout
from recaudit.report.diff.chapter import Chapter, change, on, table
from recaudit.report.model import Exhibit

ROWS = 40
CHART_ROWS = 30
_MARKS = {
    Fate.LOST: "✗ lost",
    Fate.MERGED: "> merged",
    Fate.SPLIT: "< split",
    Fate.NEW: "+ new",
    Fate.UNDECIDED: "? undecided",
    Fate.KEPT: "✓ kept",
}


def chapter(diff: Diff) -> Chapter:
    """One exhibit a source."""
    about = (
        "A concept is lost (new) where only A (only B) holds it and the AUC fell (rose) by more than both intervals allow "
        "for; where it did not, that is undecided. Concepts merged where each had a latent of its own in A and one latent "
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
            change(one.change, one.low, one.high),
            layout.short(one.q),
            _latent(one.latent_a),
            _latent(one.latent_b),
        ]
        for one in shown[:ROWS]
    ]
    columns = ["fate", "concept", "kind", "AUC in A", "AUC in B", "change", "q", "latent A", "latent B"]
    if not concepts.source.startswith("coverage by "):
        columns, rows = columns[:-2], [row[:-2] for row in rows]
        sql = f"SELECT * FROM cavs WHERE model_id = {diff.b.model.model_id}"
    else:
        rule = concepts.source.removeprefix("coverage by ").replace("'", "''")
        sae = diff.b.sae
        assert sae is not None
        sql = f"SELECT * FROM concept_coverage WHERE sae_id = {sae.sae_id} AND rule = '{rule}' ORDER BY auc DESC"
    caption = f"{absent} more that neither holds are left out." if absent else ""
    made = table(
        f"diff_{concepts.source}".replace(" ", "_"),
        source_title(concepts.source),
        caption,
        columns,
        rows,
        of=len(shown),
        sql=on(diff.b, sql),
    )
    return Exhibit(made, _chart(shown[:CHART_ROWS]) if shown else None)


def source_title(source: str) -> str:
    """``Covered by latents (recommended10)``."""
    if source.startswith("coverage by "):
        return f"Covered by latents ({source.removeprefix('coverage by ')})"
    return f"Held by concept vectors ({source})"


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
