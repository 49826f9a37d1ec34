"""``recaudit tui``"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import click

from recaudit.cli.output import db_option, note
from recaudit.errors import EnvironmentProblem, UsageError
from recaudit.text import printable


class _Keys(click.ParamType[dict[str, Any]]):
    """A table of ``recaudit.toml``, or ``action=keys;action=keys``."""

    name = "ACTION=KEYS;…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        pairs = [pair.partition("=") for pair in str(value).split(";") if pair.strip()]
        return {name.strip(): keys.strip() for name, _, keys in pairs}


@click.command()
@click.argument("file", metavar="[DB]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@db_option
@click.option("--model", help="The model to begin with (default: choose, where there are several).")
@click.option(
    "--sae", metavar="NAME", help="The dictionary (default: the model's newest sparse autoencoder)."
)
@click.option("--theme", help="Colours: textual-dark, textual-light, ansi-dark, nord, …")
@click.option(
    "--keys", type=_Keys(), help="Other keys for actions; best kept under [tui.keys] in recaudit.toml."
)
@click.option("--author", envvar="RECAUDIT_AUTHOR", help="Who names and notes are by (default: your login).")
@click.option("--serve", is_flag=True, help="In a browser on this machine instead of this terminal.")
@click.option("--host", default="localhost", show_default=True, help="With --serve: address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="With --serve.")
def tui(
    file: Path | None,
    db: Path,
    model: str | None,
    sae: str | None,
    theme: str | None,
    keys: dict[str, Any] | None,
    author: str | None,
    serve: bool,
    host: str,
    port: int,
) -> None:
    """Look through an audit in the terminal, follow its links, turn latents and see lists and price follow.

    Reads only, and lets go of the file while nobody looks; names, notes, bookmarks and interventions are written when you
    say so. Keys: `?` in the workbench, or docs/tui.md.
    """
    db = file or db
    if not db.is_file():
        raise UsageError(
            f"{printable(db)}: no such audit file",
            fix="make one with `recaudit ingest CHECKPOINT --data PATH`, or name another: recaudit tui FILE",
        )
    if serve:
        options = {"--model": model, "--sae": sae, "--theme": theme, "--author": author}
        _serve(db, options, host, port)
        return
    from textual.theme import BUILTIN_THEMES

    from recaudit.tui.app import AuditApp
    from recaudit.tui.keys import flat

    if theme is not None and theme not in BUILTIN_THEMES:
        raise UsageError(
            f"no theme {printable(theme)}", fix=f"choose one of: {', '.join(sorted(BUILTIN_THEMES))}"
        )
    AuditApp(
        db, model=model, sae=sae, keys=flat(keys or {}), theme=theme, author=author or getpass.getuser()
    ).run()


def _serve(db: Path, options: dict[str, str | None], host: str, port: int) -> None:
    import shlex
    import sys

    try:
        from textual_serve.server import Server
    except ImportError:
        raise EnvironmentProblem("--serve needs textual-serve", fix="pip install 'recaudit[serve]'") from None
    given = [part for flag, value in options.items() if value is not None for part in (flag, value)]
    command = shlex.join([sys.executable, "-m", "recaudit", "tui", str(db.absolute()), *given])
    note(
        f"no password: whoever reaches {printable(host)}:{port} reads and changes {printable(db)}, and writes files as you"
    )
    Server(command, host=host, port=port, title="recaudit").serve()
