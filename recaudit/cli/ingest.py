"""``recaudit ingest``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recaudit.cli.output import db_option, note, stages
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.ingest.run import Ingested

_FILE = click.Path(path_type=Path)
_POSITIVE = click.IntRange(min=1)


@click.command()
@click.argument("checkpoint", type=_FILE)
@click.option("--data", type=_FILE, required=True, help="Folder, zip or file of interactions, items, users.")
@click.option("--sae", type=_FILE, help="Sparse autoencoder, if it is not inside the checkpoint.")
@click.option(
    "--site",
    type=click.Choice(["user", "item", "both"]),
    default="user",
    show_default=True,
    help="Whose vectors the sparse autoencoder takes apart.",
)
@click.option(
    "--ids", help="Which row is who: a table kind, row, raw_id; or `rows` if the data's ids are the rows."
)
@click.option("--name", help="What to call the model (default: its architecture).")
@click.option("--replace", is_flag=True, help="Write over a model of the same name.")
@click.option("--protocol", default="history", show_default=True, help="Evaluation protocol of the model.")
@click.option(
    "--vectors",
    type=click.IntRange(min=0),
    default=200_000,
    show_default=True,
    help="Sequence models: fill up with training histories to this many vectors, for `recaudit train`.",
)
@click.option("--tool", help="Who wrote the checkpoint, if detection should be overruled.")
@click.option("--heads", type=_POSITIVE, help="Attention heads, where the file does not say.")
@click.option("--history-length", type=_POSITIVE, help="Items of history read, where the file does not say.")
@click.option(
    "--layers", type=_POSITIVE, help="Propagation layers of a graph model, where the file does not say."
)
@click.option("--item-features", type=_FILE, help="LightFM's item feature matrix (scipy.sparse.save_npz).")
@click.option("--user-features", type=_FILE, help="LightFM's user feature matrix, likewise.")
@click.option(
    "--other-table", type=_FILE, help="The other side's embeddings, where users and items lie in two files."
)
@click.option(
    "--map", "tensor_map", type=_FILE, help="TOML saying which tensor is what, for files of no known tool."
)
@click.option("--adapter", metavar="MODULE:CLASS", help="Your own code for your own model. This runs it.")
@click.option(
    "--conditions",
    help="Names of a conditioned model's conditions in input order: a,b,c or a file, one a line.",
)
@click.option("--k", type=_POSITIVE, help="Latents the SAE keeps per row, where the file does not say.")
@click.option("--layout", help="Layout of the data, if detection should be overruled.")
@click.option("--items", type=_FILE, help="Table of items, if the data's layout has none.")
@click.option("--users", type=_FILE, help="Table of users, likewise.")
@click.option("--column", multiple=True, metavar="ROLE=NAME", help="Column that plays a role; repeatable.")
@click.option("--mapping", type=_FILE, help="TOML with a [columns] table of roles.")
@click.option("--column-names", help="Comma-separated names, if the interactions file has no header.")
@click.option("--delimiter", help="Between fields of the interactions file, if its header does not tell.")
@click.option("--split", help="given, leave_one_out, global_time or random (default: what the data offers).")
@click.option("--split-column", help="Column that holds the given split (default: split).")
@click.option("--min-rating", type=float, help="Keep interactions rated at least this.")
@click.option("--min-tag-support", type=_POSITIVE, help="Keep tags on at least this many items (default: 5).")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@db_option
def ingest(checkpoint: Path, data: Path, db: Path, **options: Any) -> None:
    """Scan CHECKPOINT, run it on the data up to its probing site, and store the audit.

    Nothing in any file is executed. The audit file is left as it was unless everything succeeds.
    """
    from recaudit.ingest import ingest as run
    from recaudit.ingest.options import request_from

    with stages() as begin:
        done = run(request_from(checkpoint, data, db, options), begin)
    say(done)
    note(f"next: recaudit report {printable(done.name)} --db {printable(db)}")


def say(done: Ingested) -> None:
    """What was ingested, and what its scan and its self-check found, on stderr."""
    note(f"{printable(done.name)}: {done.n_cases:,} cases from {printable(done.data_summary)}")
    for receipt in done.receipts:
        note(f"  scan of {printable(receipt.file)} ({receipt.format}): {receipt.verdict}")
        for warned in receipt.notes:
            if warned.level == "warning":
                note(f"    {printable(warned.where, 60)}: {printable(warned.message, 200)}")
    for said in done.notes:
        note(f"  note: {said}")
    for doubt in done.doubts:
        note(f"  warning: {doubt}")
