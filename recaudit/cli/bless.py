"""``recaudit bless``"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from recaudit.cli.output import db_option, note, sae_option
from recaudit.text import printable


@click.command()
@click.argument("model", required=False)
@click.option("--as", "name", required=True, metavar="NAME", help="What `gate --baseline` calls it.")
@click.option("--author", required=True, help="Who says that others may be compared with it.")
@click.option("--reason", required=True, help="Why, in a sentence.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write it to a .json file, small enough for git.",
)
@click.option("--replace", is_flag=True, help="Move the baseline of that name.")
@sae_option
@db_option
def bless(
    model: str | None,
    name: str,
    author: str,
    reason: str,
    output: Path | None,
    replace: bool,
    sae: str | None,
    db: Path,
) -> None:
    """Make MODEL a baseline that later models are compared with.

    It is kept by its checkpoint's sha256 with its numbers, concepts and values by user: comparing needs neither the
    checkpoint nor this audit file again. The file that -o writes names users by a hash of their raw id, which
    hides nothing from who can guess ids: treat it as you treat the data.
    """
    from recaudit.errors import UsageError
    from recaudit.gates.document import Blessing
    from recaudit.gates.keeping import bless as keep
    from recaudit.gates.keeping import write_whole

    for option, text in (("--as", name), ("--author", author), ("--reason", reason)):
        if not text.strip():
            raise UsageError(f"{option} is empty", fix="say it in words")
    if output is not None and output.suffix != ".json":
        raise UsageError(f"{printable(output)}: a baseline is a .json file", fix="end the name in .json")
    blessed = datetime.now(UTC).replace(microsecond=0)
    text = keep(db, model, Blessing(name, author, reason, blessed), sae=sae, replace=replace)
    note(f"blessed as {printable(name)}: `recaudit gate --baseline {printable(name)}`")
    if output is not None:
        write_whole(output, text)
        note(f"wrote {printable(output)} ({len(text.encode()) / 1024:,.0f} KiB)")
