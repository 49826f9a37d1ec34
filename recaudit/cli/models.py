"""``recaudit models``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, format_option, show
from recaudit.store import read, reading


@click.command()
@db_option
@format_option
def models(db: Path, format_: str) -> None:
    """List the models in an audit."""
    with reading(db) as audit:
        rows = []
        for model in read.models(audit):
            saes = ", ".join(
                f"{sae.name} ({sae.n_latents:,} latents, by {sae.tool})"
                for sae in read.saes(audit, model.model_id)
            )
            rows.append(
                [
                    model.name,
                    model.tool,
                    model.architecture,
                    model.dim,
                    saes or None,
                    model.protocol,
                    model.checkpoint,
                ]
            )
    show(["model", "tool", "architecture", "dim", "sae", "protocol", "checkpoint"], rows, format_)
