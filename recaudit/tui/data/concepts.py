"""Everything about one concept: what covers it, its vector, and what ratings say to it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from recaudit.report.layout import estimate, number
from recaudit.store import Audit, cav, cav_plots, concepts
from recaudit.text import printable
from recaudit.tui import plot
from recaudit.tui.blocks import Block
from recaudit.tui.data.write_out import facts, frame_block
from recaudit.tui.host import Subject

LATENTS = 12
HEIGHT = 14
"""Lines of a drawing."""


def blocks(audit: Audit, subject: Subject, key: str) -> Iterator[Block]:
    """The page of a concept ``kind:name``."""
    kind, _, name = key.partition(":")
    yield from _coverage(audit, subject, kind, name)
    variants = cav.variants(audit, subject.model.model_id)
    if not variants:
        yield facts(
            "cav",
            "Concept vector",
            [("none yet", "run `recaudit cav`: a vector for each concept, and what ratings say to it")],
        )
        return
    table = cav.table(audit, subject.model, variants[0])
    own = table[(table["kind"] == kind) & (table["concept"] == name) & ~table["relative"]]
    if own.empty:
        yield facts(
            "cav", "Concept vector", [("none", "too few items have the concept, or its kind was left out")]
        )
        return
    yield from _vector(audit, subject, variants[0], own.iloc[0])


def _coverage(audit: Audit, subject: Subject, kind: str, name: str) -> Iterator[Block]:
    sae = subject.sae
    title = f"{printable(name)} ({printable(kind)})"
    if sae is None:
        yield facts("coverage", title, [("latents", "none: this model has no dictionary")])
        return
    found = concepts.coverage(audit, sae, kind=kind)
    found = found[found["concept"] == name]
    if found.empty:
        said = (
            "no coverage is stored: run `recaudit concepts`"
            if not concepts.is_analysed(audit, sae)
            else "its kind was left out"
        )
        yield facts("coverage", title, [("coverage", said)])
        return
    shown = found[["rule", "verdict", "latent", "auc", "low", "high", "within", "random", "n", "q"]]
    yield frame_block(
        "coverage", title, shown,
        caption="AUC of the best latent, picked on one half of the items and scored on the other; `random`: random "
        "directions; `within`: pairs compared within a tenth of popularity.",
        sql=f"SELECT * FROM concept_coverage WHERE sae_id = {sae.sae_id} AND name = '{name}'",
    )  # fmt: skip
    latents = concepts.latents_of_concept(audit, sae, name, kind=kind)
    for rule in latents["rule"].unique():
        own = latents[latents["rule"] == rule]
        yield frame_block(
            f"latents_{rule}", f"Its latents, {rule}", own[["latent", "auc", "ap", "f1", "precision", "recall", "q"]].head(LATENTS),
            sql=f"SELECT * FROM latent_concepts WHERE sae_id = {sae.sae_id} AND name = '{name}' AND rule = '{rule}' ORDER BY auc DESC",
            shown_of=len(own),
        )  # fmt: skip


def _vector(audit: Audit, subject: Subject, variant: str, row: pd.Series) -> Iterator[Block]:
    model, cav_id = subject.model, int(row["cav_id"])
    yield facts(
        "cav", "Concept vector",
        [
            ("verdict", row["verdict"]),
            ("AUC, held out", str(estimate(row["auc"], row["auc_low"], row["auc_high"]))),
            ("average precision", f"{number(row['average_precision'])} (chance {number(row['base_rate'])})"),
            ("stability", f"{number(row['stability'])}, cosine between bootstrap draws"),
            ("items", f"{int(row['n']):,}"),
        ],
        f"SELECT * FROM cavs WHERE cav_id = {cav_id}",
        "A direction in the space items are scored in that parts items of the concept from the others.",
    )  # fmt: skip
    picture = cav_plots.scatter(audit, model, cav_id)
    if picture is not None:
        yield _scatter(picture, cav_id)
    yield frame_block(
        "alignment", "Sensitivity against ratings, over users",
        _said(cav.alignment(audit, model, cav_id)),
        caption="`share` of the history is the positive control; `centred` is the rating inside less that outside.",
        sql=f"SELECT * FROM cav_alignment WHERE cav_id = {cav_id}",
    )  # fmt: skip
    yield frame_block(
        "cav_latents", "Latents that go with the vector", cav.latents(audit, model, cav_id).head(LATENTS),
        sql=f"SELECT * FROM cav_latents WHERE cav_id = {cav_id}",
    )  # fmt: skip
    near = cav.angles(audit, model, cav_id)
    if len(near):
        yield frame_block(
            "angles", "Angles to the other concepts of its kind",
            near[["concept", "degrees", "cosine", "low", "high", "null_low", "null_high"]],
            caption="Between `null_low` and `null_high` lies what random concepts have: there an angle means nothing.",
            sql=f"SELECT * FROM cav_angles WHERE {cav_id} IN (cav_id, other_id)", kind=str(row["kind"]),
        )  # fmt: skip
    drawn = cav_plots.concept_map(audit, model, variant, str(row["kind"]))
    if drawn is not None:
        yield _map(drawn, str(row["kind"]), str(row["concept"]))
    groups = cav.groups(audit, model, cav_id)
    if len(groups):
        yield frame_block(
            "groups", "Groups of users", groups, sql=f"SELECT * FROM cav_groups WHERE cav_id = {cav_id}",
            caption="Share of the group whose centred sensitivity is positive.",
        )  # fmt: skip


def _said(found: pd.DataFrame) -> pd.DataFrame:
    found["given activity and popularity"] = ["yes" if adjusted else "no" for adjusted in found["adjusted"]]
    columns = ["rating", "value", "low", "high", "q", "sensitivity", "correlation"]
    return found[[*columns, "given activity and popularity", "ratings", "n"]]


def _scatter(picture: cav_plots.Scatter, cav_id: int) -> Block:
    xs, ys = picture.points["x"].tolist(), picture.points["y"].tolist()

    def draw(width: int) -> list[str]:
        x, y = plot.spread(xs), plot.spread(ys)
        canvas = plot.Canvas(min(width - 10, 90), HEIGHT, x, y)
        for one, other in zip(xs, ys, strict=True):
            canvas.dot(one, other)
        return plot.framed(
            canvas,
            (f"{x[0]:.2f}", "the model's centred sensitivity →", f"{x[1]:.2f}"),
            (f"{y[0]:.1f}", picture.y_label, f"{y[1]:.1f}"),
        )

    shown = "" if len(xs) == picture.n else f", {len(xs):,} of them drawn"
    return Block(
        "scatter", f"Does the model like it where users do? Spearman {estimate(picture.value, picture.low, picture.high)}",
        below=f"a dot a user ({picture.n:,}{shown}); ratings: {picture.ratings}",
        sql=f"SELECT * FROM sensitivities WHERE cav_id = {cav_id}", draw=draw,
    )  # fmt: skip


def _map(found: cav_plots.ConceptMap, kind: str, own: str) -> Block:
    points = found.points

    def draw(width: int) -> list[str]:
        xs, ys = [0.0, *points["x"].tolist()], [0.0, *points["y"].tolist()]
        canvas = plot.Canvas(min(width - 10, 90), HEIGHT + 4, plot.spread(xs, 0.12), plot.spread(ys, 0.08))
        first = points["concept"] == own
        for row in pd.concat([points[first], points[~first]]).itertuples():
            canvas.dot(row.x, row.y)
            canvas.text(row.x, row.y, f"[{row.concept}]" if row.concept == own else str(row.concept))
        canvas.text(0, 0, "+")
        return canvas.lines()

    return Block(
        "map", f"Map of the {kind} vectors",
        "First two axes of all of them: angles on the map are only as good as the length these hold.",
        below=f"the axes hold {found.x_share:.0%} and {found.y_share:.0%} of the vectors' length",
        sql="SELECT * FROM cav_map WHERE draw IS NULL", draw=draw,
    )  # fmt: skip
