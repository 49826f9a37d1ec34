"""``recaudit tune``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, format_option, note, sae_option, show_frame, stages
from recaudit.errors import NoVerdictError
from recaudit.text import printable

_WIDE = ["coverage", "items", "tuned items", "kept low", "kept high"]


@click.command()
@click.argument("model", required=False)
@click.option("--concept", "concepts", multiple=True, metavar="NAME",
              help="Concept to tune, as genre:Horror; repeatable (default: every genre).")  # fmt: skip
@click.option("--levels", default="-10,10", show_default=True,
              help="Factors of the activation, and quantiles to set it to for everyone: -10,10,q0.9.")  # fmt: skip
@click.option("--draws", type=click.IntRange(min=0), default=10, show_default=True,
              help="Random latents beside each; 0 for none.")  # fmt: skip
@click.option("--protocol", help="Evaluation protocol (default: the model's own).")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@format_option
@sae_option
@db_option
def tune(
    model: str | None,
    concepts: tuple[str, ...],
    levels: str,
    draws: int,
    protocol: str | None,
    seed: int,
    format_: str,
    sae: str | None,
    db: Path,
) -> None:
    """Turn concepts of MODEL up and down by the latent that stands for each; count their places in lists.

    Beside random latents, the same step along the concept's direction, and leaving its items out. Stored in the audit.
    """
    from recaudit.interventions.tune import TuneRequest, tune
    from recaudit.report import interventions as report
    from recaudit.store import read, reading

    with stages() as begin:
        without = tune(TuneRequest(db, model, concepts, levels, draws, sae, protocol, seed), begin)
    with reading(db) as audit:
        named = read.model_named(audit, model)
        frame = report.tuning(audit, named, read.sae_of(audit, named, sae))
        if concepts:
            asked = [name in concepts or name.partition(":")[2] in concepts for name in frame["concept"]]
            frame = frame[asked]
        if frame.empty:
            raise NoVerdictError(
                f"no latent stands for {', '.join(printable(name, 40) for name in without)}",
                fix=f"run `recaudit concepts {printable(named.name)}` first, or name other concepts",
            )
        # Programs get every column, a screen those that fit.
        show_frame(frame.drop(columns=_WIDE) if format_ == "table" else frame, format_)
        for sentence in report.tuning_in_words(frame):
            note(sentence)
    if without:
        note(f"no latent stands for {', '.join(printable(name, 40) for name in without)}")
