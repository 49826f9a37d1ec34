"""``recaudit init``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import note, stages
from recaudit.errors import EnvironmentProblem, UsageError
from recaudit.text import printable


@click.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
    help="The TOML to write; never written over (default: the model's name with .toml, in this folder).",
)  # fmt: skip
def init(files: tuple[Path, ...], output: Path | None) -> None:
    """Declare an audit of FILES: write a commented TOML that `recaudit run` takes.

    FILES are a checkpoint and its data, and if there are any a sparse autoencoder and the table that says which row
    is who, in any order; nothing in them is run. What they do not say is marked. Without FILES it is a template.
    """
    from recaudit.plan.draft import FILL_IN, draft
    from recaudit.plan.look import look

    if output is not None:
        _check_free(output)
    with stages() as begin:
        seen = look(files, begin)
    path = output or Path(f"{_stem(seen.name)}.toml")
    _check_free(path)
    text = draft(seen, path.parent, path.stem)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise EnvironmentProblem(
            f"{printable(path)}: {error.strerror}", fix="name another place with -o FILE"
        ) from None
    for said in seen.about.values():
        note(printable(said, 200))
    note(f"wrote {printable(path)}")
    for one in seen.unknown:
        note(f"  {FILL_IN} {one.key}: {printable(one.why, 200)}")
    note(f"next: {'fill in the marked lines, then ' if seen.unknown else ''}recaudit run {printable(path)}")


def _stem(name: str | None) -> str:
    """A file name for a model's name, which comes out of a file."""
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in (name or "").lower())
    return kept.strip("-") or "audit"


def _check_free(path: Path) -> None:
    if path.exists():
        raise UsageError(
            f"{printable(path)} is there already, and is not written over",
            fix="name another file with -o FILE, or remove it",
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"{printable(path.parent)}: no such folder", fix="make it, or name another with -o FILE"
        )
