"""``recaudit ingest``"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from recaudit.cli.output import db_option, note, stages
from recaudit.text import printable

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("checkpoint", type=_FILE)
@click.option("--data", type=_FILE, required=True, help="Folder, zip or file of interactions, items, users.")
@click.option("--sae", type=_FILE, help="Sparse autoencoder, if it is not inside the checkpoint.")
@click.option(
    "--ids", help="Which row is who: a table kind, row, raw_id; or `rows` if the data's ids are the rows."
)
@click.option("--name", help="What to call the model (default: its architecture).")
@click.option("--replace", is_flag=True, help="Write over a model of the same name.")
@click.option("--layout", help="Layout of the data, if detection should be overruled.")
@click.option(
    "--split",
    type=click.Choice(["given", "leave_one_out", "global_time", "random"]),
    help="How to hold out.",
)
@click.option("--split-column", help="Column that holds the given split (default: split).")
@click.option("--min-rating", type=float, help="Keep interactions rated at least this.")
@click.option("--mapping", type=_FILE, help="TOML naming the columns of the data files.")
@click.option("--protocol", default="history", show_default=True, help="Evaluation protocol of the model.")
@click.option("--heads", type=click.IntRange(min=1), help="Attention heads, where the file does not say.")
@click.option(
    "--history-length",
    type=click.IntRange(min=1),
    help="Items of history read, where the file does not say.",
)
@click.option(
    "--k", type=click.IntRange(min=1), help="Latents the SAE keeps per row, where the file does not say."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@db_option
def ingest(checkpoint: Path, data: Path, **options: Any) -> None:
    """Scan CHECKPOINT, run it on the data up to its probing site, and store the audit.

    Nothing in any file is executed. The audit file is left as it was unless everything succeeds.
    """
    from recaudit.analyses.protocol import protocol_named
    from recaudit.checkpoints.tools import Hints
    from recaudit.datasets import ReadOptions
    from recaudit.ingest import IngestRequest
    from recaudit.ingest import ingest as run

    given = {key: value for key, value in options.items() if value is not None and key != "db"}
    reading = ("layout", "split", "split_column", "min_rating", "mapping", "seed")
    request = IngestRequest(
        checkpoint=checkpoint,
        data=data,
        db=options["db"],
        name=options["name"],
        sae=options["sae"],
        ids=options["ids"],
        hints=Hints(options["heads"], options["history_length"], options["k"]),
        options=ReadOptions(**{key: given[key] for key in reading if key in given}),
        protocol=protocol_named(options["protocol"]).name,
        replace=options["replace"],
        seed=options["seed"],
        arguments={"checkpoint": checkpoint.name, "data": data.name}
        | {key: value.name if isinstance(value, Path) else value for key, value in given.items()},
    )
    with stages() as begin:
        done = run(request, begin)
    note(f"{printable(done.name)}: {done.n_cases:,} cases from {printable(done.data_summary)}")
    for receipt in done.receipts:
        note(f"  scan of {printable(receipt.file)} ({receipt.format}): {receipt.verdict}")
    for said in done.notes:
        note(f"  note: {said}")
    if done.sae_warning:
        note(f"  warning: {done.sae_warning}")
    note(f"next: recaudit report {printable(done.name)} --db {printable(options['db'])}")
