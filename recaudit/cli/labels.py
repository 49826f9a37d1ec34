"""``recaudit labels``"""

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
)
from recaudit.errors import NoVerdictError, UsageError
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.store import Audit
    from recaudit.store.read import Sae

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("model", required=False)
@click.option("--latent", type=click.IntRange(min=0), help="Show what a name was made from and tried on.")
@click.option("--set", "text", metavar="TEXT", help="Give --latent a name by hand; '' takes it back.")
@click.option("--history", is_flag=True, help="Show changes by hand.")
@click.option("--export", "export_", type=_FILE, help="Write the names to a .toml or .csv file for review.")
@click.option("--import", "import_", type=_FILE, help="Take the names that such a file changes.")
@click.option("--force", is_flag=True, help="With --import: also over what others changed meanwhile.")
@click.option(
    "--sample", type=click.IntRange(min=1), help="Write that many names, blind and shuffled, for raters."
)
@click.option("-o", "--output", type=_FILE, help="With --sample: the CSV file to write.")
@click.option("--rate", type=_FILE, help="Read in a sample that raters filled.")
@click.option("--tree", is_flag=True, help="A nested dictionary's names, coarse to fine.")
@click.option("--all", "all_", is_flag=True, help="Also latents without a name that counts.")
@click.option("--labeller", help="Whose names: statistics or ollama:MODEL (default: statistics first).")
@click.option("--protocol", help="Named under which protocol (default: default first).")
@click.option("--author", envvar="RECAUDIT_AUTHOR", help="Who changes names.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of --sample.")
@limit_option(30)
@format_option
@sae_option
@db_option
def labels(
    model: str | None,
    latent: int | None,
    text: str | None,
    history: bool,
    export_: Path | None,
    import_: Path | None,
    force: bool,
    sample: int | None,
    output: Path | None,
    rate: Path | None,
    tree: bool,
    all_: bool,
    labeller: str | None,
    protocol: str | None,
    author: str | None,
    seed: int,
    limit: int,
    format_: str,
    sae: str | None,
    db: Path,
) -> None:
    """Names of MODEL's latents: list, edit, rate, exchange.

    A name that does not beat names of other latents is no name: --all shows it as a candidate.
    """
    actions = {
        "--set": text is not None,
        "--history": history,
        "--export": export_ is not None,
        "--import": import_ is not None,
        "--sample": sample is not None,
        "--rate": rate is not None,
        "--tree": tree,
    }
    given = [flag for flag, is_given in actions.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", fix="give one of them")
    if text is not None:
        _set(db, model, sae, latent, text, author)
    elif import_ is not None:
        _import(db, model, sae, import_, author, force)
    elif sample is not None:
        _sample(db, model, sae, sample, output, seed)
    elif rate is not None:
        _rate(db, model, sae, rate)
    else:
        _look(db, model, sae, latent, history, export_, tree, all_, labeller, protocol, limit, format_)


def _set(
    db: Path, model: str | None, sae: str | None, latent: int | None, text: str, author: str | None
) -> None:
    from recaudit.labels.edits import set_name

    if latent is None:
        raise UsageError("--set needs to know which latent", fix="add --latent ID")
    change = set_name(db, model, sae, latent, text, author=author or "")
    was = f" (was {printable(change.before)})" if change.before else ""
    said = "has no name by hand any more" if change.text is None else f"is called {printable(change.text)}"
    note(f"latent {latent} {said}{was}, by {printable(change.author)}")


def _import(
    db: Path, model: str | None, sae: str | None, path: Path, author: str | None, force: bool
) -> None:
    from recaudit.labels.edits import import_file

    changes = import_file(db, model, sae, path, author=author or "", force=force)
    note(f"{len(changes):,} names changed, by {printable(author)}" if changes else "the file changes nothing")


def _sample(db: Path, model: str | None, sae: str | None, n: int, output: Path | None, seed: int) -> None:
    from recaudit.labels.ratings import sample

    if output is None:
        raise UsageError("--sample writes a file", fix="add -o FILE.csv")
    output.write_text(sample(db, model, sae, n, seed=seed), encoding="utf-8")
    note(f"wrote {printable(output)}: one copy per rater, then `recaudit labels --rate FILE` for each")


def _rate(db: Path, model: str | None, sae: str | None, path: Path) -> None:
    from recaudit.labels.ratings import rate

    rated = rate(db, model, sae, path)
    kappa = None if rated.kappa != rated.kappa else rated.kappa
    show(
        ["names", "raters", "mean", "low", "high", "kappa"],
        [[rated.names, rated.raters, rated.mean, rated.low, rated.high, kappa]],
        "table",
    )
    note("mean on a scale from 1 to 4; kappa: Fleiss' agreement, over names with two ratings or more")


def _look(
    db: Path,
    model: str | None,
    sae: str | None,
    latent: int | None,
    history: bool,
    export_: Path | None,
    tree: bool,
    all_: bool,
    labeller: str | None,
    protocol: str | None,
    limit: int,
    format_: str,
) -> None:
    from recaudit.labels import edits, prefixes
    from recaudit.store import labels as stored
    from recaudit.store import read, reading

    form = None if export_ is None else edits.form_of(export_)
    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        dictionary = read.sae_of(audit, chosen, sae)
        if history:
            frame = stored.history(audit, dictionary, latent)
            show_frame(frame, format_)
            return
        by, under = _whose(audit, dictionary, chosen.name, labeller, protocol)
        if export_ is not None and form is not None:
            export_.write_text(edits.export(audit, chosen, dictionary, by, under, form), encoding="utf-8")
            note(
                f"wrote {printable(export_)}: change `text`, then `recaudit labels --import {printable(export_)}`"
            )
        elif tree:
            _show_tree(prefixes.tree(audit, chosen, dictionary, by, under), format_)
        elif latent is not None:
            show_frame(stored.trials(audit, chosen, dictionary, latent, by, under), format_)
            note("level: of the latent's largest activation; predicted: by the judge, above 5 = active")
        else:
            frame = stored.names(audit, dictionary, by, under)
            frame = frame if all_ else frame[frame["name"].notna()].drop(columns="candidate")
            show_frame(frame if limit < 0 else frame.head(limit), format_, of=len(frame))
            note(f"names by {printable(by)}, protocol {printable(under)}; low and high: 95 % of confidence")


def _show_tree(nodes: list[prefixes.Node], format_: str) -> None:  # type: ignore[name-defined]  # noqa: F821
    from recaudit.labels import prefixes

    if format_ == "table":
        click.echo(prefixes.text(nodes))
        return
    columns = ["latent", "prefix", "name", "parent", "inside"]
    show(columns, [[getattr(node, column) for column in columns] for node in nodes], format_)


def _whose(audit: Audit, sae: Sae, model: str, labeller: str | None, protocol: str | None) -> tuple[str, str]:
    """The labeller and protocol asked for, or the first there is."""
    from recaudit.store import labels as stored

    known = stored.labellers(audit, sae)
    if not known:
        raise NoVerdictError(
            f"the latents of model {printable(model)} have no names yet",
            fix=f"make them with `recaudit label {printable(model)}`",
        )
    for by, under in known:
        if labeller in (None, by) and protocol in (None, under):
            return by, under
    listed = "; ".join(f"--labeller {printable(by)} --protocol {printable(under)}" for by, under in known)
    raise UsageError("no such names", fix=f"there are: {listed}")
