"""``recaudit bias``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recaudit.cli.output import (
    db_option,
    format_option,
    limit_option,
    note,
    sae_option,
    show,
    show_frame,
    stages,
)
from recaudit.errors import UsageError
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.store import Audit
    from recaudit.store.read import Model, Sae

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", required=False)
@click.option("--groups", type=_FILE, help="Data set whose user attributes to add to the audit, by raw id.")
@click.option(
    "--checkpoint",
    type=_FILE,
    help="The model's file: adds made-up users of head and of tail items, where it reads histories.",
)
@click.option(
    "--synthetic",
    type=click.IntRange(min=10),
    default=2000,
    show_default=True,
    metavar="N",
    help="Pairs of made-up users, with --checkpoint.",
)
@click.option("--contrast", help='One contrast closely, as "profile popularity" or "gender=F".')
@click.option("--again", is_flag=True, help="Run also what is stored.")
@click.option(
    "--popsteer",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Only recompute PopSteer's published statistics (popsteer-v1) from its folder of a data set.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@limit_option(30)
@format_option
@sae_option
@db_option
def bias(
    model: str | None,
    groups: Path | None,
    checkpoint: Path | None,
    synthetic: int,
    contrast: str | None,
    again: bool,
    popsteer: Path | None,
    seed: int,
    limit: int,
    format_: str,
    sae: str | None,
    db: Path,
) -> None:
    """Popularity and group bias of MODEL: of its lists, of its ranking quality, and of a dictionary's latents.

    Runs and stores what is missing, then prints the audit of lists, groups, and the strongest latents.
    """
    if popsteer is not None:
        _legacy(popsteer, format_)
        return
    from recaudit.analyses.bias.command import Request, ensure
    from recaudit.store import read, reading

    request = Request(db, model, sae, groups, checkpoint, synthetic, again, seed)
    with stages() as begin:
        ensure(request, begin)
    with reading(db) as audit:
        named = read.model_named(audit, model)
        dictionary = read.find_sae(audit, named, sae)
        if contrast is not None:
            _close_up(audit, named, dictionary, contrast, limit, format_)
        else:
            _overview(audit, named, dictionary, limit, format_)


def _overview(audit: Audit, model: Model, sae: Sae | None, limit: int, format_: str) -> None:
    from recaudit.report import bias as report
    from recaudit.store import cav, popularity

    lists = report.lists(audit, model, sae)
    if format_ != "table":
        # One listing, so that it can be read by a program.
        show_frame(popularity.numbers(audit, model, sae), format_)
        return
    parts = [
        ("lists", lists),
        ("user groups", report.groups(audit, model, sae)),
        ("attributes", report.attributes(audit, model, sae)),
    ]
    if sae is not None:
        parts += [
            ("latents that go with popularity, beside controls", report.counts(audit, model, sae)),
            ("strongest latents", report.latents(audit, sae, limit=limit)),
        ]
    for title, frame in parts:
        if len(frame):
            click.echo(title)
            show_frame(frame, format_)
            click.echo("")
    for sentence in cav.sentences(audit, model.model_id, popularity.PROTOCOL):
        note(sentence)


def _close_up(audit: Audit, model: Model, sae: Sae | None, contrast: str, limit: int, format_: str) -> None:
    from recaudit.report import bias as report
    from recaudit.store import popularity, read

    sae = sae or read.sae_of(audit, model)
    known = popularity.contrasts(audit, sae)
    if contrast not in known:
        raise UsageError(
            f"--contrast cannot be {printable(contrast)}",
            fix=f"choose one of: {', '.join(printable(name, 40) for name in known)}",
        )
    frame = report.latents(audit, sae, contrast, limit=-1)
    show_frame(frame if limit < 0 else frame.head(limit), format_, of=len(frame))


def _legacy(folder: Path, format_: str) -> None:
    from recaudit.analyses.bias import popsteer

    found = popsteer.read_folder(folder)
    show(["popsteer-v1", "value"], [list(row) for row in found.figures()], format_)
    note(f"warning: {popsteer.WARNING}")
