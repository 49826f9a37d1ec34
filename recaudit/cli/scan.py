"""``recaudit scan``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import format_option, note, show
from recaudit.errors import ExitCode, InputRefused
from recaudit.text import printable


@click.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@format_option
def scan(files: tuple[Path, ...], format_: str) -> int:
    """Look into FILES without running anything in them.

    Exit code 0 when every file can be read safely (warnings are listed), 4 when one is refused.
    """
    from recaudit.checkpoints import scan_file

    rows, refused = [], 0
    for path in files:
        try:
            receipt = scan_file(path)
        except InputRefused as error:
            refused += 1
            rows.append([path.name, None, "refused", None, error.message])
            note(f"error: {error.message}\n  fix: {error.fix}")
            continue
        said = "; ".join(f"{n.where}: {n.message}" if n.where else n.message for n in receipt.notes)
        stubs = f"{sum(receipt.stubs.values())} objects kept as inert stubs" if receipt.stubs else ""
        rows.append(
            [
                path.name,
                receipt.format,
                receipt.verdict,
                receipt.sha256,
                "; ".join(filter(None, [said, stubs])),
            ]
        )
    if format_ == "table":
        for name, kind, verdict, _, said in rows:
            mark = {"clean": "✓", "warnings": "!", "refused": "✗"}[str(verdict)]
            detail = f" {kind}" if kind else ""
            click.echo(
                f"{mark} {printable(name, 60)}{detail}: {verdict}"
                + (f" ({printable(said, 400)})" if said and verdict != "refused" else "")
            )
    else:
        show(["file", "format", "verdict", "sha256", "notes"], rows, format_)
    return ExitCode.REFUSED if refused else ExitCode.OK
