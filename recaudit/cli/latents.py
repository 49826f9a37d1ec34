"""``recaudit latents``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, format_option, limit_option, note, sae_option, show_frame
from recaudit.errors import UsageError

_PAIR_COLUMNS = ["count", "users", "strength", "mean", "lift", "q"]


@click.command()
@click.argument("model", required=False)
@click.option("--latent", type=click.IntRange(min=0), help="Show the items of this latent.")
@click.option("--item", help="Show the latents of this item.")
@click.option("--user", help="Show a user's history and active latents.")
@click.option(
    "--sort",
    default="contribution",
    show_default=True,
    help="contribution, density, users, max, latent, monosemanticity or confidence.",
)
@click.option(
    "--by", help="lift, count, strength or mean (default: lift for a latent, strength for an item)."
)
@click.option(
    "--attribution",
    default="recommended10",
    show_default=True,
    help="Which items a case stands for: recommended, recommended10, history, last or target.",
)
@limit_option(20)
@format_option
@sae_option
@db_option
def latents(
    model: str | None,
    latent: int | None,
    item: str | None,
    user: str | None,
    sort: str,
    by: str | None,
    attribution: str,
    limit: int,
    format_: str,
    sae: str | None,
    db: Path,
) -> None:
    """List MODEL's latents; with --latent, --item or --user follow the links between them."""
    from recaudit.analyses import attribution as pairs
    from recaudit.store import read, reading, views

    if sum(given is not None for given in (latent, item, user)) > 1:
        raise UsageError("--latent, --item and --user exclude each other", fix="give one of them")
    rows = limit if limit >= 0 else 1 << 31
    rule = pairs.checked_rule(attribution)
    _check_choice("--by", by, pairs.ORDERS)
    _check_choice("--sort", sort, views.LATENT_ORDERS)
    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        dictionary = read.sae_of(audit, chosen, sae)
        if latent is not None:
            if latent >= dictionary.n_latents:
                raise UsageError(
                    f"no latent {latent}", fix=f"latents go from 0 to {dictionary.n_latents - 1}"
                )
            frame = pairs.items_of_latents(
                audit, chosen, dictionary, [latent], rule=rule, by=by or "lift", limit=rows
            )
            frame = frame[["rank", "item", "title", *_PAIR_COLUMNS]]
        elif item is not None:
            index = read.item_index(audit, chosen, item)
            frame = pairs.latents_of_items(
                audit, chosen, dictionary, [index], rule=rule, by=by or "strength", limit=rows
            )
            frame = frame[["rank", "latent", *_PAIR_COLUMNS]]
        elif user is not None:
            case = views.newest_case(audit, chosen, read.user_index(audit, chosen, user))
            if case is None:
                raise UsageError(f"user {user} is no case of this model", fix="choose a user the model knows")
            frame = views.case_latents(audit, dictionary, case)
            if format_ == "table":
                show_frame(views.case_history(audit, chosen, case, rows), format_)
                note("")
        else:
            frame = views.latent_list(audit, dictionary, sort, None)
    show_frame(frame.head(rows), format_, of=len(frame) if latent is None and item is None else None)
    if latent is not None or item is not None:
        note(f"an item belongs to a case as {pairs.RULES[rule]} (--attribution)")
        if frame.empty and rule.startswith("recommended"):
            note(
                "nothing to show: lists are made by `recaudit report`, or too few cases share them (--by count)"
            )


def _check_choice(flag: str, value: str | None, known: dict[str, str]) -> None:
    if value is not None and value not in known:
        raise UsageError(f"{flag} cannot be {value}", fix=f"choose one of: {', '.join(known)}")
