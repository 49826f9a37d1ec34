"""``recaudit concepts``"""

from __future__ import annotations

from pathlib import Path

import click

from recaudit.cli.output import db_option, format_option, limit_option, note, show_frame, stages
from recaudit.errors import UsageError
from recaudit.text import printable


@click.command()
@click.argument("model", required=False)
@click.option("--kind", help="Only concepts of this kind: genre, tag, decade, …")
@click.option("--concept", help="Show the latents of this concept.")
@click.option("--latent", type=click.IntRange(min=0), help="Show the concepts of this latent.")
@click.option("--missing", is_flag=True, help="Only concepts that nothing represents.")
@click.option(
    "--rule",
    help="How items get scores: recommended10, direct, item or case (default: all that were looked at).",
)
@click.option(
    "--sae", "sae_name", help="A dictionary by name, controls too (default: the newest autoencoder)."
)
@click.option(
    "--text-encoder",
    metavar="MODEL",
    help="Look anew, likeness of items by this sentence-transformers model (name or folder).",
)
@limit_option(50)
@format_option
@db_option
def concepts(
    model: str | None,
    kind: str | None,
    concept: str | None,
    latent: int | None,
    missing: bool,
    rule: str | None,
    sae_name: str | None,
    text_encoder: str | None,
    limit: int,
    format_: str,
    db: Path,
) -> None:
    """Concepts MODEL's latents cover, those they miss, and which latent goes with which concept."""
    from recaudit.analyses import concepts as analyses
    from recaudit.store import concepts as stored
    from recaudit.store import read, reading

    if sum([missing, concept is not None, latent is not None]) > 1:
        raise UsageError("--missing, --concept and --latent exclude each other", fix="give one of them")
    with stages() as begin:
        if text_encoder is not None or analyses.missing(db, model, sae_name):
            begin("looking for concepts among the latents")
            again = text_encoder is not None
            analyses.ensure(db, model, sae=sae_name, again=again, text_encoder=text_encoder)
    with reading(db) as audit:
        chosen = read.model_named(audit, model)
        sae = read.sae_of(audit, chosen, sae_name)
        _check("--kind", kind, stored.kinds(audit, sae))
        _check("--rule", rule, stored.rules(audit, sae))
        if latent is not None:
            frame = stored.concepts_of_latent(audit, sae, latent, rule=rule, kind=kind)
        elif concept is not None:
            frame = stored.latents_of_concept(audit, sae, concept, rule=rule, kind=kind)
            if frame.empty:
                raise UsageError(
                    f"no latent is stored for a concept named {printable(concept)}",
                    fix="list concepts with `recaudit concepts --limit -1`",
                )
        else:
            verdicts = ("not covered", "popularity only") if missing else ()
            frame = stored.coverage(audit, sae, rule=rule, kind=kind, verdicts=verdicts)
    shown = frame if limit < 0 else frame.head(limit)
    show_frame(shown, format_, of=len(frame))
    if latent is None and concept is None:
        note(
            "auc: the best latent on items it was not picked on; within: compared inside a tenth of popularity; "
            "random: the best of as many random directions"
        )


def _check(flag: str, value: str | None, known: list[str]) -> None:
    if value is not None and value not in known:
        listed = ", ".join(printable(name, 24) for name in known)
        raise UsageError(f"{flag} cannot be {printable(value)}", fix=f"choose one of: {listed}")
