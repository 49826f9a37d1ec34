"""Latents of a diff."""

from __future__ import annotations

from recaudit.analyses.diff import Diff
from recaudit.analyses.diff.latents import CORRELATION, COSINE, LatentDiff, Relative
from recaudit.report import layout
from recaudit.report.diff.chapter import Chapter, on, table
from recaudit.report.layout import Figure
from recaudit.report.model import Exhibit, TableSection

ROWS = 20
_BY = {COSINE: "cosine", CORRELATION: "correlation"}


def chapter(diff: Diff) -> Chapter:
    """Counts, pairs, relatives, and named latents that are gone."""
    if diff.latents is None:
        return Chapter("latents", "Latents", "", [], diff.missing["latents"])
    found = diff.latents
    by = "the cosine of their decoder rows" if found.by == COSINE else "the correlation of their codes"
    nulls = "; ".join(f"{name} {layout.short(median)}" for name, median in found.chance.items())
    about = (
        f"Latents are paired one to one so that {by} is highest in all (Hungarian), {found.about}. A pair counts where its "
        f"score beats the best that either latent reaches by chance, q at most 5 %. The best by chance, in the middle: {nulls}."
    )
    if found.overlap_by_chance is not None:
        about += f" Latents paired at random share {layout.short(found.overlap_by_chance)} of their first ten items."
    sql = (
        ""
        if diff.b.sae is None
        else on(diff.b, f"SELECT * FROM activations WHERE sae_id = {diff.b.sae.sae_id}")
    )
    tables = [
        _counts(found, sql),
        _pairs(found, sql),
        _relatives(found.merged, found, "merged", sql),
        _relatives(found.split, found, "split", sql),
        _gone(found.lost, found.names_a, "lost", sql),
        _gone(found.new, found.names_b, "new", sql),
    ]
    return Chapter("latents", "Latents", about, [Exhibit(one) for one in tables if one.rows])


def _counts(found: LatentDiff, sql: str) -> TableSection:
    kept = len(found.kept)
    rows = [
        ["one of its own on the other side", kept, kept],
        ["resembles one, but not one to one", len(found.merged), len(found.split)],
        ["nothing like it on the other side", len(found.lost), len(found.new)],
        ["fires on too few to tell", found.rare_a, found.rare_b],
    ]
    return table(
        "diff_latent_counts", "What became of latents", "", ["counterpart", "in A", "in B"], rows, sql=sql
    )


def _pairs(found: LatentDiff, sql: str) -> TableSection:
    named = sorted(found.kept, key=lambda pair: not (found.names_a.get(pair.a) or found.names_b.get(pair.b)))
    rows = [
        [
            Figure(pair.a),
            found.names_a.get(pair.a, ""),
            Figure(pair.b),
            found.names_b.get(pair.b, ""),
            layout.short(pair.score),
            layout.short(pair.correlation),
            layout.short(pair.overlap),
        ]
        for pair in named[:ROWS]
    ]
    columns = ["A", "name in A", "B", "name in B", "cosine", "correlation", "items shared"]
    if found.by != COSINE:
        columns, rows = [*columns[:4], *columns[5:]], [[*row[:4], *row[5:]] for row in rows]
    return table(
        "diff_latents_kept",
        "Latents kept",
        "Named ones first, then by score. Items shared: of the first ten of both.",
        columns,
        rows,
        of=len(found.kept),
        sql=sql,
    )


def _relatives(relatives: tuple[Relative, ...], found: LatentDiff, fate: str, sql: str) -> TableSection:
    own, other = (found.names_a, found.names_b) if fate == "merged" else (found.names_b, found.names_a)
    sides = ("A", "B") if fate == "merged" else ("B", "A")
    rows = [
        [
            Figure(one.latent),
            own.get(one.latent, ""),
            Figure(one.other),
            other.get(one.other, ""),
            layout.short(one.score),
        ]
        for one in relatives[:ROWS]
    ]
    columns = [sides[0], f"name in {sides[0]}", sides[1], f"name in {sides[1]}", _BY[found.by]]
    caption = {
        "merged": "Several of A may resemble one of B.",
        "split": "Several of B may resemble one of A.",
    }[fate]
    return table(
        f"diff_latents_{fate}", f"Latents {fate}", caption, columns, rows, of=len(relatives), sql=sql
    )


def _gone(latents: tuple[int, ...], names: dict[int, str], fate: str, sql: str) -> TableSection:
    """Named ones: a number alone tells nobody anything."""
    named = [latent for latent in latents if latent in names]
    rows = [[Figure(latent), names[latent]] for latent in named[:ROWS]]
    side = "A" if fate == "lost" else "B"
    caption = f"Of {len(latents):,} latents of {side} without any counterpart, those that have a name."
    return table(
        f"diff_latents_{fate}", f"Named latents {fate}", caption, [side, "name"], rows, of=len(named), sql=sql
    )
