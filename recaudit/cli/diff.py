"""``recaudit diff``"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recaudit.cli.output import db_option, note, stages
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.analyses.diff import Diff
    from recaudit.store import Audit


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--sae-a", metavar="NAME", help="Dictionary of A (default: its newest sparse autoencoder).")
@click.option("--sae-b", metavar="NAME", help="Dictionary of B (likewise).")
@click.option(
    "--protocol", help="Evaluation protocol (default: A's own, or B's where only that is measured of both)."
)
@click.option(
    "--users",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="How many of the users whose lists changed most to show with both lists.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Write .html, .md or .json; repeatable.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "md"]),
    default="table",
    show_default=True,
    help="Form of what goes to stdout where no -o is given.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@db_option
def diff(
    a: str,
    b: str,
    sae_a: str | None,
    sae_b: str | None,
    protocol: str | None,
    users: int,
    output: tuple[Path, ...],
    format_: str,
    seed: int,
    db: Path,
) -> None:
    """What changed from model A to model B: numbers, concepts, lists, latents.

    A and B are each MODEL (in the file of --db), FILE.duckdb:MODEL, or FILE.duckdb where that holds one model. Reads what
    the audits store and runs no model: `recaudit report` and `recaudit concepts` on both sides come first.
    """
    from recaudit.analyses.diff import compare
    from recaudit.gates.keeping import write_whole
    from recaudit.report.diff.files import renderer
    from recaudit.store.naming import located

    renderers = [renderer(path) for path in output]
    (file_a, model_a), (file_b, model_b) = located(a), located(b)
    with _both(file_a or db, file_b or db) as (audit_a, audit_b), stages() as begin:
        found = compare(
            audit_a, model_a, audit_b, model_b,
            sae_a=sae_a, sae_b=sae_b, protocol=protocol, users=users, seed=seed, begin=begin,
        )  # fmt: skip
    for path, render in zip(output, renderers, strict=True):
        write_whole(path, render(found))
        note(f"wrote {printable(path)}")
    if not output:
        _show(found, format_)


@contextmanager
def _both(file_a: Path, file_b: Path) -> Iterator[tuple[Audit, Audit]]:
    """Both audits; one connection where it is one file."""
    from recaudit.store import reading

    with reading(file_a) as audit_a:
        if file_a.resolve() == file_b.resolve():
            yield audit_a, audit_a
            return
        with reading(file_b) as audit_b:
            yield audit_a, audit_b


def _show(found: Diff, format_: str) -> None:
    if format_ != "table":
        from recaudit.report.diff.files import RENDERERS

        click.echo(RENDERERS[f".{format_}"](found), nl=False)
        return
    from rich.console import Console

    from recaudit.report.diff import compose, terminal

    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)
    terminal.render(compose(found), console)
