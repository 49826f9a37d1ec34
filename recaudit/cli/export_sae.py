"""``recaudit export-sae``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, note, sae_option
from recaudit.text import printable


@click.command()
@click.argument("model", required=False)
@click.option(
    "--to",
    type=click.Choice(["saelens", "recaudit"]),
    required=True,
    help="SAELens' layout, or recaudit's own file, which keeps every convention.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder to write to.")  # fmt: skip
@sae_option
@db_option
def export_sae(model: str | None, to: str, output: Path, sae: str | None, db: Path) -> None:
    """Write the sparse autoencoder of MODEL to a folder.

    Codes and reconstructions stay the same; what the layout cannot say is refused.
    """
    from recaudit.sae.export import write_sae
    from recaudit.store import read, reading

    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        spec = read.sae_spec(audit, chosen, read.sae_of(audit, chosen, sae))
    for path in write_sae(spec, output, to):
        note(f"wrote {printable(path)}")
