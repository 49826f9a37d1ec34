"""``recaudit explain``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import at_option, db_option, format_option, note, sae_option, show


@click.command()
@click.argument("model")
@click.argument("user")
@click.argument("item")
@at_option
@format_option
@sae_option
@db_option
def explain(model: str, user: str, item: str, at: str, format_: str, sae: str | None, db: Path) -> None:
    """Split MODEL's score of ITEM for USER exactly: latents, biases, SAE error. The parts sum to the score."""
    from recaudit.analyses.explain import explained
    from recaudit.store import reading

    with reading(db) as audit:
        parts = explained(audit, model, user, item, at=at, sae_name=sae)
    rows = [[part.part, part.latent, part.activation, part.amount] for part in parts.parts]
    rows.append(["score", None, None, parts.score])
    show(["part", "latent", "activation", "amount"], rows, format_)
    note(f"parts sum to the score within {abs(sum(p.amount for p in parts.parts) - parts.score):.1e}")
