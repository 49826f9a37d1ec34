"""``recaudit recommend``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import at_option, db_option, format_option, show, show_json


@click.command()
@click.argument("model")
@click.argument("user")
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="Length of the list.")
@click.option("--include-seen", is_flag=True, help="Also items of the user's own history.")
@at_option
@click.option(
    "--seen",
    type=click.Choice(["history", "train", "all"]),
    default="history",
    show_default=True,
    help="What counts as seen.",
)
@click.option("--condition", help="Condition of a conditioned model.")
@format_option
@db_option
def recommend(
    model: str,
    user: str,
    k: int,
    include_seen: bool,
    at: str,
    seen: str,
    condition: str | None,
    format_: str,
    db: Path,
) -> None:
    """USER's best items by MODEL; raw ids in and out.

    The list answers for the user's test case: the history before the held-out target, with that history
    as seen.
    """
    from recaudit.analyses.recommend import recommended
    from recaudit.store import reading

    with reading(db) as audit:
        items = recommended(
            audit, model, user, k=k, seen=None if include_seen else seen, at=at, condition=condition
        )
    if format_ == "json":
        show_json({"user": user, "items": [{"item": raw, "score": score} for raw, _, score in items]})
        return
    show(["rank", "item", "title", "score"], [[n, *item] for n, item in enumerate(items, start=1)], format_)
