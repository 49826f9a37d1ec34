"""``recaudit ingest``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recaudit.cli.output import db_option, note, stages
from recaudit.errors import UsageError
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.datasets import ReadOptions

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
    from recaudit.analyses.protocol import protocol_named
    from recaudit.checkpoints.tools import Hints
    from recaudit.ingest import IngestRequest
    from recaudit.ingest import ingest as run

    given = {key: value for key, value in options.items() if value not in (None, (), False)}
    request = IngestRequest(
        checkpoint=checkpoint,
        data=data,
        db=db,
        name=options["name"],
        sae=options["sae"],
        site=options["site"],
        ids=options["ids"],
        hints=Hints(**{key: given[key] for key in _HINTS if key in given}),
        tensor_map=options["tensor_map"],
        adapter=options["adapter"],
        options=_read_options(given),
        conditions=_names(options["conditions"]),
        vectors=options["vectors"],
        protocol=protocol_named(options["protocol"]).name,
        replace=options["replace"],
        seed=options["seed"],
        arguments={"checkpoint": checkpoint.name, "data": data.name, **_recorded(given)},
    )
    with stages() as begin:
        done = run(request, begin)
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
    note(f"next: recaudit report {printable(done.name)} --db {printable(db)}")


_HINTS = ("tool", "heads", "history_length", "k", "layers", "item_features", "user_features", "other_table")
_READ_OPTIONS = (
    *("layout", "items", "users", "mapping", "delimiter", "split", "split_column"),
    *("min_rating", "min_tag_support", "seed"),
)


def _read_options(given: dict[str, Any]) -> ReadOptions:
    from recaudit.datasets import ReadOptions

    plain = {key: given[key] for key in _READ_OPTIONS if key in given}
    if "column_names" in given:
        plain["column_names"] = tuple(given["column_names"].split(","))
    return ReadOptions(columns=dict(_role(text) for text in given.get("column", ())), **plain)


def _names(text: str | None) -> tuple[str, ...]:
    """Comma-separated names, or the lines of the file of that name."""
    if text is None:
        return ()
    path = Path(text)
    lines = path.read_text("utf-8").splitlines() if path.is_file() else text.split(",")
    return tuple(name.strip() for name in lines if name.strip())


def _role(text: str) -> tuple[str, str]:
    role, equals, name = text.partition("=")
    if not equals or not name:
        raise UsageError(
            f"--column {printable(text)} has no ROLE=NAME form", fix="for example --column user=customer"
        )
    return role, name


def _recorded(given: dict[str, Any]) -> dict[str, Any]:
    """Arguments for the ``runs`` table: where files lay on this machine is nobody's business."""
    given = {key: value.name if isinstance(value, Path) else value for key, value in given.items()}
    return given | {"ids": Path(given["ids"]).name} if "ids" in given else given
