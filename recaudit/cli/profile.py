"""``recaudit profile``"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recaudit.cli.output import db_option, format_option, limit_option, note, show, show_frame
from recaudit.errors import NoVerdictError


@click.command()
@click.argument("model")
@click.argument("user")
@click.option("--negatives", default="all", show_default=True, help="Of the CAVs, as in `recaudit cav`.")
@click.option("--multilabel", default="one-vs-rest", show_default=True, help="Likewise.")
@click.option("--scaling", default="centre-norm", show_default=True, help="Likewise.")
@click.option("--null", default="free", show_default=True, help="Likewise.")
@limit_option(20)
@format_option
@db_option
def profile(
    model: str,
    user: str,
    negatives: str,
    multilabel: str,
    scaling: str,
    null: str,
    limit: int,
    format_: str,
    db: Path,
) -> None:
    """What MODEL makes of USER, concept by concept, against what USER watched and how they rated it.

    Reads what `recaudit cav` stored.
    """
    from recaudit.analyses.cav.profile import LEAST_CONCEPTS
    from recaudit.analyses.cav.profile import profile as profiled
    from recaudit.analyses.cav.settings import Settings
    from recaudit.report import cav_lines
    from recaudit.store import conditions, read, reading

    settings = Settings(negatives=negatives, multilabel=multilabel, scaling=scaling, null=null)
    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        index = read.user_index(audit, chosen, user)
        spaces = conditions.spaces(audit, chosen)
        space = "latent" if "latent" in spaces else "probe"
        columns, places = cav_lines.places(
            conditions.user_places(audit, chosen, space, index), conditions.axes(audit, chosen, space)
        )
        below = [
            (
                f"under each condition, on the component of the {space} space that separates them most",
                columns,
                places,
            )
        ]
        try:
            found = profiled(audit, chosen, user, settings.variant)
        except NoVerdictError as nothing:
            if format_ != "table" or not places:
                raise
            note(str(nothing))
            _show_all(below)
            return
    concepts = found.concepts.drop(columns="cav_id")
    rows = concepts if limit < 0 else concepts.head(limit)
    if format_ != "table":
        show_frame(rows, format_, of=len(concepts))
        return
    show(*cav_lines.person(rows), format_, of=len(concepts))
    note(cav_lines.PERSON_LEGEND)
    for what, agreement in (("history", found.with_history), ("ratings", found.with_ratings)):
        if agreement.n >= LEAST_CONCEPTS:
            note(
                f"the model's order of this user's concepts goes with that of their {what} at {agreement.value:.2f} "
                f"(Spearman over {agreement.n} concepts)"
            )
        else:
            note(f"{agreement.n} concepts with {what}: too few to say whether the model's order is theirs")
    _show_all(
        [
            (
                "items of the history that lie farthest along the strongest concepts",
                *cav_lines.items(found.items),
            ),
            (
                "latents that set the sensitivity apart from the average user's",
                *cav_lines.contributions(found.latents, found.concepts),
            ),
            *below,
        ]
    )


def _show_all(tables: list[tuple[str, list[str], list[list[Any]]]]) -> None:
    """Titled tables, those without rows left out."""
    for title, columns, rows in tables:
        if rows:
            click.echo("")
            click.echo(title)
            show(columns, rows, "table")
