"""``recaudit profile``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, format_option, limit_option, note, show, show_frame


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
        found = profiled(audit, chosen, user, settings.variant)
        index = read.user_index(audit, chosen, user)
        spaces = conditions.spaces(audit, chosen)
        space = "latent" if "latent" in spaces else "probe"
        places = cav_lines.places(
            conditions.user_places(audit, chosen, space, index), conditions.axes(audit, chosen, space)
        )
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
    for said, columns, lines in (
        (
            "items of the history that lie farthest along the strongest concepts",
            *cav_lines.items(found.items),
        ),
        (
            "latents that set the sensitivity apart from the average user's",
            *cav_lines.contributions(found.latents, found.concepts),
        ),
        (f"under each condition, on the component of the {space} space that separates them most", *places),
    ):
        if lines:
            click.echo("")
            click.echo(said)
            show(columns, lines, format_)
