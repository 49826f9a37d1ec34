"""``recaudit latent``"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from recaudit.cli.output import db_option, sae_option, show_json


@click.command()
@click.argument("latent", type=click.IntRange(min=0))
@click.argument("model", required=False)
@click.option(
    "--attribution", default="recommended10", show_default=True, help="Which items a case stands for."
)
@click.option(
    "--format", "format_", type=click.Choice(["table", "json", "md"]), default="table", show_default=True,
    help="Form of the output.",
)  # fmt: skip
@sae_option
@db_option
def latent(latent: int, model: str | None, attribution: str, format_: str, sae: str | None, db: Path) -> None:
    """One page about a LATENT of MODEL: names, items, examples, concepts, neighbours, effect on scores."""
    from recaudit.analyses.attribution import checked_rule
    from recaudit.report.latent import page
    from recaudit.store import read, reading

    rule = checked_rule(attribution)
    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        dictionary = read.sae_of(audit, chosen, sae)
        tables = page(audit, chosen, dictionary, latent, rule)
    _WRITERS[format_](tables)


def _as_table(tables: list[Any]) -> None:
    from rich.console import Console

    from recaudit.report import terminal

    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)
    terminal.render_tables(tables, console)


def _as_json(tables: list[Any]) -> None:
    from dataclasses import asdict

    show_json({"schema_version": 1, "tables": [asdict(table) for table in tables]})


def _as_markdown(tables: list[Any]) -> None:
    from recaudit.report.markdown import section_lines

    click.echo("\n".join(line for table in tables for line in section_lines(table)).strip())


_WRITERS = {"table": _as_table, "json": _as_json, "md": _as_markdown}
