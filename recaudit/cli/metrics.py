"""``recaudit metrics``"""

from __future__ import annotations

import click

from recaudit.cli.output import format_option, show
from recaudit.metrics.catalogue import CATALOGUE


@click.command()
@format_option
def metrics(format_: str) -> None:
    """List every metric an audit can hold, with definition, range and source."""
    columns = ["name", "definition", "range", "better", "source"]
    show(columns, [[getattr(definition, name) for name in columns] for definition in CATALOGUE], format_)
