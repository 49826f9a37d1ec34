"""``recaudit promote``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, format_option, note, sae_option, show_frame, stages
from recaudit.errors import UsageError
from recaudit.text import printable


@click.command()
@click.argument("model", required=False)
@click.option("--item", "items", multiple=True, metavar="ID", help="Item to promote, by raw id; repeatable.")
@click.option("--latents", metavar="WORDS", help="Latents of it to set: 12,40, or concept:Horror:2.")
@click.option("--audience", default="everyone", show_default=True,
              help="everyone, a user group as gender=F, or genre:Horror:100, the users with most of it.")  # fmt: skip
@click.option("--levels", default="0,0.25,0.5,0.75,1,1.5,2", show_default=True,
              help="Shares of each latent's highest activation of any item.")  # fmt: skip
@click.option("--draws", type=click.IntRange(min=0), default=10, show_default=True,
              help="Random latents beside each level; 0 for none.")  # fmt: skip
@click.option("--protocol", help="Evaluation protocol (default: the model's own).")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@format_option
@sae_option
@db_option
def promote(
    model: str | None,
    items: tuple[str, ...],
    latents: str | None,
    audience: str,
    levels: str,
    draws: int,
    protocol: str | None,
    seed: int,
    format_: str,
    sae: str | None,
    db: Path,
) -> None:
    """Set latents of an item's vector in MODEL and see whose lists it enters. Stored in the audit.

    Needs a dictionary of items' vectors (--site item or both). Users who have had the item are left out.
    """
    from recaudit.interventions.tune import PromoteRequest, promote
    from recaudit.interventions.words import numbers
    from recaudit.report import interventions as report
    from recaudit.store import read, reading

    if not items or latents is None:
        raise UsageError(
            "nothing to promote", fix="name an item and what to set: --item 42 --latents concept:Horror"
        )
    with stages() as begin:
        promote(
            PromoteRequest(db, model, items, latents, audience, numbers(levels), draws, sae, protocol, seed),
            begin,
        )
    with reading(db) as audit:
        named = read.model_named(audit, model)
        frame = report.promotion(audit, named, read.sae_of(audit, named, sae), items=items)
        show_frame(frame[frame["audience"] == audience], format_)
    note(f"users who have had the item are left out; audience: {printable(audience, 60)}")
