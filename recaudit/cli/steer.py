"""``recaudit steer``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recaudit.cli.output import db_option, format_option, note, sae_option, show, stages
from recaudit.errors import UsageError
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.interventions.dry_run import DryRun
    from recaudit.interventions.edits import Intervention
    from recaudit.store import Audit
    from recaudit.store.read import Model


@click.command()
@click.argument("model", required=False)
@click.option(
    "--edit", "edits", multiple=True, metavar="WORDS",
    help='What to change, as "scale latents=12,40 by=0.5" or "ablate select=concept:Horror"; repeatable.',
)  # fmt: skip
@click.option(
    "--file", "path", type=click.Path(path_type=Path, dir_okay=False), help="An intervention as TOML."
)
@click.option("--intervention", "kept", metavar="NAME", help="One that was kept with --save.")
@click.option(
    "--strength", type=float, help="Do it at a share of its strength: 0 nothing, 1 the edit, 2 twice."
)
@click.option("--watch", multiple=True, metavar="CONCEPT", help="Also count its places in lists; repeatable.")
@click.option(
    "--user", multiple=True, metavar="ID", help="Show this user's list before and after; repeatable."
)
@click.option(
    "--keep-error/--drop-error", default=None, help="Keep what the dictionary does not explain (default)."
)
@click.option("--controls", "draws", type=click.IntRange(min=0), default=10, show_default=True,
              help="Draws of each random control; 0 leaves all controls out.")  # fmt: skip
@click.option("--groups", is_flag=True, help="Show user groups too.")
@click.option("--protocol", help="Evaluation protocol (default: the model's own).")
@click.option("--save", metavar="NAME", help="Keep the intervention and its price in the audit file.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the intervention as TOML."
)
@click.option("--export", "target", type=click.Path(path_type=Path), metavar="PATH",
              help="Write the steered model: its own file patched, two tables, or a module x -> x'.")  # fmt: skip
@click.option("--as", "form", type=click.Choice(["auto", "checkpoint", "tables", "module"]), default="auto", show_default=True,
              help="What to export; auto is the model's own file where that can say the edit, else a module.")  # fmt: skip
@click.option(
    "--checkpoint", type=click.Path(path_type=Path), help="The model's file, to export into a copy of it."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@format_option
@sae_option
@db_option
def steer(
    model: str | None,
    edits: tuple[str, ...],
    path: Path | None,
    kept: str | None,
    strength: float | None,
    watch: tuple[str, ...],
    user: tuple[str, ...],
    keep_error: bool | None,
    draws: int,
    groups: bool,
    protocol: str | None,
    save: str | None,
    output: Path | None,
    target: Path | None,
    form: str,
    checkpoint: Path | None,
    seed: int,
    format_: str,
    sae: str | None,
    db: Path,
) -> None:
    """Try edits on MODEL: what lists and accuracy become, beside controls. A dry run; --save keeps it.

    Edits change latents of a dictionary, or move vectors along a direction, for everyone, a user group, or some items.
    """
    from recaudit.interventions.dry_run import tried
    from recaudit.interventions.file import to_toml
    from recaudit.interventions.keeping import keep
    from recaudit.interventions.sentences import told
    from recaudit.store import read, reading, write, writing

    with stages() as begin, reading(db) as audit:
        named = read.model_named(audit, model)
        asked = _asked(audit, named, edits, path, kept, strength, keep_error)
        dictionary = read.find_sae(audit, named, sae or asked.dictionary)
        begin("steering")
        found = tried(
            audit, named, asked, sae=dictionary, watched=watch, protocol=protocol, seed=seed, draws=draws,
            with_controls=draws > 0,
        )  # fmt: skip
        lists = _lists(audit, found, user, seed) if user else None
        if target is not None:
            begin("exporting")
            _export(audit, found, target, form, checkpoint, seed)
    if output is not None:
        write_toml(output, found.intervention)
    if save is not None:
        with writing(db) as audit:
            arguments = {"model": named.name, "name": save, "intervention": to_toml(found.intervention)}
            run = write.Run("steer", arguments, seed, [named.sha256])
            write.add_run(audit, run)
            keep(audit, run, save, found, seed)
        note(
            f"kept as {printable(save)}: recaudit steer {printable(named.name)} --intervention {printable(save)}"
        )
    if lists is not None:
        show(["user", "rank", "before", "after"], lists, format_)
        note("")
    show(*_table(found, groups), format_)
    for sentence in told(found.prices, found.controls):
        note(sentence)


def _export(audit: Audit, found: DryRun, target: Path, form: str, checkpoint: Path | None, seed: int) -> None:
    from recaudit.interventions.export.command import exported

    done = exported(
        audit, found.model, found.sae, found.intervention, target,
        form=form, original=checkpoint, protocol=found.protocol, seed=seed,
    )  # fmt: skip
    for said in done.notes:
        note(said)
    note(
        f"exported as {done.form}: {printable(done.path)} (read again: within {done.apart:.1e} of the steered model's numbers)"
    )


def _asked(
    audit: Audit,
    model: Model,
    edits: tuple[str, ...],
    path: Path | None,
    kept: str | None,
    strength: float | None,
    keep_error: bool | None,
) -> Intervention:
    from dataclasses import replace

    from recaudit.interventions import file, words
    from recaudit.interventions.edits import Intervention
    from recaudit.store import interventions as store

    if sum((bool(edits), path is not None, kept is not None)) != 1:
        raise UsageError(
            "no intervention, or several",
            fix=f"give one of --edit WORDS, --file FILE and --intervention NAME; an edit is written {words.EXAMPLE}",
        )
    if path is not None:
        asked = file.read(path)
    elif kept is not None:
        asked = file.parsed(store.kept_named(audit, model, kept).toml, Path(kept))
    else:
        asked = Intervention(tuple(words.edit(one) for one in edits))
    if strength is not None:
        asked = asked.scaled(strength)
    return asked if keep_error is None else replace(asked, keep_error=keep_error)


def _table(found: DryRun, groups: bool) -> tuple[list[str], list[list[Any]]]:
    """One row a measure, the edit's change with its interval, and the change of each control."""
    by_control = [{(p.name, str(p.slice)): p for p in control.prices} for control in found.controls]
    rows = []
    for price in found.prices:
        if "group" in price.slice and not groups:
            continue
        key = (price.name, str(price.slice))
        others = [control[key].change if key in control else None for control in by_control]
        where = " ".join(price.slice.values())
        rows.append(
            [price.name, where, price.before, price.after, price.change, price.low, price.high, *others]
        )
    columns = ["measure", "of", "before", "after", "change", "low", "high", *(c.name for c in found.controls)]
    return columns, rows


def _lists(audit: Audit, found: DryRun, users: tuple[str, ...], seed: int) -> list[list[Any]]:
    from recaudit.interventions.before_after import lists_of

    return [
        [user, *row]
        for user in users
        for row in lists_of(
            audit, found.model, found.sae, found.intervention, user, protocol=found.protocol, seed=seed
        )
    ]


def write_toml(path: Path, intervention: Intervention) -> None:
    """Write an intervention where ``-o`` says."""
    from recaudit.interventions.file import to_toml

    try:
        path.write_text(to_toml(intervention), "utf-8")
    except OSError as error:
        raise UsageError(f"{printable(path)}: {error.strerror}", fix="choose another file for -o") from None
    note(f"written: {printable(path)}")
