"""``recaudit cav``"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recaudit.cli.output import db_option, format_option, limit_option, note, show, show_frame, stages
from recaudit.errors import UsageError
from recaudit.text import printable

if TYPE_CHECKING:
    import pandas as pd

    from recaudit.analyses.cav.settings import Settings

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("model", required=False)
@click.option("--concept", help="Show one concept closely: its correlations, angles, groups and latents.")
@click.option("--relative", metavar="A:B", help="One concept against another instead of against all items.")
@click.option(
    "--negatives", default="all", show_default=True, help="all, or matched: of the same popularity."
)
@click.option(
    "--multilabel",
    default="one-vs-rest",
    show_default=True,
    help="Items of several concepts: one-vs-rest, exclusive or adjusted.",
)
@click.option("--scaling", default="centre-norm", show_default=True, help="centre-norm, raw or standardise.")
@click.option(
    "--null", default="free", show_default=True, help="Labels shuffled freely, or within popularity deciles."
)
@click.option("--permutations", type=click.IntRange(min=19), default=1000, show_default=True)
@click.option("--bootstraps", type=click.IntRange(min=20), default=200, show_default=True)
@click.option(
    "--least-items",
    type=click.IntRange(min=10),
    default=30,
    show_default=True,
    help="Items a concept needs on either side.",
)
@click.option(
    "--least-interactions",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Training interactions an item needs.",
)
@click.option("--ratings", type=_FILE, help="Data set with ratings, where the audit's own data has none.")
@click.option(
    "--checkpoint",
    type=_FILE,
    help="A conditioned model's file: adds its code space and the untrained control.",
)
@click.option("--drop", multiple=True, help="Condition to leave out of the components; repeatable.")
@click.option("--again", is_flag=True, help="Run also what is stored.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@limit_option(50)
@format_option
@db_option
def cav(
    model: str | None,
    concept: str | None,
    relative: str | None,
    ratings: Path | None,
    checkpoint: Path | None,
    drop: tuple[str, ...],
    again: bool,
    limit: int,
    format_: str,
    db: Path,
    **chosen: Any,
) -> None:
    """Concept activation vectors of MODEL: which concepts its item vectors hold, and what users' scores make of them.

    Runs and stores what is missing, then prints one row per concept. A conditioned model's latent space is
    looked at too.
    """
    from recaudit.analyses.cav import conditioned
    from recaudit.analyses.cav.command import asked_pair, ensure
    from recaudit.analyses.cav.settings import Settings
    from recaudit.report import cav_lines
    from recaudit.store import cav as store
    from recaudit.store import read, reading

    settings = Settings(**chosen)
    if concept is not None and relative is not None:
        raise UsageError("--concept and --relative exclude each other", fix="give one of them")
    with stages() as begin:
        ensure(
            db,
            model,
            settings,
            relative=relative,
            ratings_path=ratings,
            checkpoint=checkpoint,
            drop=drop,
            again=again,
            progress=begin,
        )
    with reading(db) as audit:
        named = read.model_named(audit, model)
        table = store.table(audit, named, settings.variant)
        _note_other_settings(settings, store.made_with(audit, named.model_id, settings.variant))
        if concept is not None:
            _close_up(audit, named, table, concept, format_)
            return
        if relative is not None:
            pair = asked_pair(audit, named, relative)
            table = table[table["concept"] == " : ".join(pair.names)]
        shown = table if limit < 0 else table.head(limit)
        if format_ == "table":
            show(*cav_lines.overview(shown, _width()), format_, of=len(table))
            note(cav_lines.LEGEND if relative is None else cav_lines.PAIR_LEGEND)
        else:
            show(_COLUMNS, _rows(shown), format_, of=len(table))
        if relative is not None:
            return  # findings are about single concepts
        for said in store.sentences(audit, named.model_id, settings.variant) + conditioned.summary(
            audit, named
        ):
            note(said)


def _note_other_settings(asked: Settings, stored: dict[str, Any]) -> None:
    """Say where what is stored was made otherwise than asked; a variant's name does not tell."""
    names = ("permutations", "bootstraps", "least_items", "least_interactions", "seed")
    other = [
        f"{name.replace('_', '-')} {stored[name]}"
        for name in names
        if name in stored and stored[name] != getattr(asked, name)
    ]
    if other:
        note(f"stored CAVs were made with {', '.join(other)}; --again makes them as asked")


def _width() -> int:
    """Cells of the terminal; elsewhere a table may be as wide as it is."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1000


_COLUMNS = [
    *("kind", "concept", "n", "auc", "low", "high", "q", "stability", "verdict"),
    *("history", "rating", "rating_low", "rating_high", "ratings"),
]


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    from recaudit.analyses.cav.findings import alignment_word

    return [
        [
            *(
                row[name]
                for name in (
                    "kind",
                    "concept",
                    "n",
                    "auc",
                    "auc_low",
                    "auc_high",
                    "q",
                    "stability",
                    "verdict",
                )
            ),
            *(row[name] for name in ("share", "rating", "rating_low", "rating_high")),
            alignment_word(row),
        ]
        for _, row in table.iterrows()
    ]


def _close_up(audit: Any, model: Any, table: pd.DataFrame, name: str, format_: str) -> None:
    from recaudit.report import cav_lines
    from recaudit.store import cav as store

    index = store.concept_index(audit, model.dataset_id, name)
    own = ":".join(store.concept_names(audit, model.dataset_id)[index])
    row = table[(table["kind"] + ":" + table["concept"]) == own]
    if row.empty:
        raise UsageError(f"no CAV of {printable(name)}", fix="run without --concept to see which there are")
    cav_id = int(row["cav_id"].iloc[0])
    alignment = store.alignment(audit, model, cav_id)
    if format_ != "table":
        show_frame(alignment, format_)
        return
    show(*cav_lines.overview(row, _width()), format_)
    note(cav_lines.LEGEND)
    beside = store.angles(audit, model, cav_id)
    for said, columns, lines in (
        *cav_lines.correlations(alignment),
        ("nearest and farthest concepts of the kind", *cav_lines.angles(_ends(beside))),
        ("groups of users", *cav_lines.groups(store.groups(audit, model, cav_id).head(12))),
        ("latents", *cav_lines.latents(store.latents(audit, model, cav_id).head(12))),
    ):
        if lines:
            click.echo("")
            click.echo(said)
            show(columns, lines, format_)
    if len(alignment):
        note(cav_lines.GIVEN)


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return frame if len(frame) <= 12 else pd.concat([frame.head(6), frame.tail(6)])
