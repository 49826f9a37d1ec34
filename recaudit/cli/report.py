"""``recaudit report``"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from recaudit.cli.output import db_option, note, sae_option, stages
from recaudit.text import printable


@click.command()
@click.argument("model", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Write .html, .md or .json; repeatable.",
)
@click.option(
    "--beside", metavar="MODEL", help="Another model of the audit to set beside it in the survey of concepts."
)
@click.option(
    "--pictures/--no-pictures", default=True, show_default=True, help="Of .md: images in a folder beside it."
)
@click.option("--protocol", help="Evaluation protocol (default: the model's own).")
@click.option(
    "--attribution", default="recommended10", show_default=True, help="Which items a case stands for."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap.")
@sae_option
@db_option
def report(
    model: str | None,
    output: tuple[Path, ...],
    beside: str | None,
    pictures: bool,
    protocol: str | None,
    attribution: str,
    seed: int,
    sae: str | None,
    db: Path,
) -> None:
    """Analyse MODEL where that is not done yet, and report.

    MODEL may be left out when the audit holds one. Without -o the report goes to the terminal.
    """
    from recaudit.analyses.attribution import checked_rule
    from recaudit.analyses.audit import analyse, is_analysed
    from recaudit.report.build import context
    from recaudit.report.files import Source, renderer, write
    from recaudit.store import reading

    renderers = [renderer(path) for path in output]
    rule = checked_rule(attribution)
    if not is_analysed(db, model, protocol, sae):
        with stages() as begin:
            begin("ranking, fidelity, health")
            analyse(db, model, protocol, sae=sae, seed=seed)
    with reading(db) as audit:
        about = context(audit, model, protocol=protocol, rule=rule, sae_name=sae, beside=beside)
        source = Source(about, pictures=pictures)
        for path, render in zip(output, renderers, strict=True):
            write(render(source, path))
            note(f"wrote {printable(path)}")
        if output:
            return
        built = source.report
    from rich.console import Console

    from recaudit.report import terminal

    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)
    terminal.render(built, console)
