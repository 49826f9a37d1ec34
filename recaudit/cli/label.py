"""``recaudit label``"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recaudit.cli.output import Stages, db_option, format_option, note, sae_option, show, stages
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.labels import Outcome


@click.command()
@click.argument("model", required=False)
@click.option(
    "--with", "labeller", default="statistics", show_default=True,
    help="statistics (no language model), or ollama:MODEL.",
)  # fmt: skip
@click.option("--host", metavar="URL", help="The Ollama server (default: OLLAMA_HOST, or the local one).")
@click.option(
    "--latents", type=click.IntRange(min=2), metavar="N",
    help="A seeded sample of N latents (default: all; 50 with ollama).",
)  # fmt: skip
@click.option(
    "--latent", "chosen", type=click.IntRange(min=0), multiple=True, help="Only this one; repeatable."
)
@click.option(
    "--protocol", default="default", show_default=True, help="default, or recsae: as published, leak and all."
)
@click.option(
    "--controls/--no-controls", default=True, show_default=True,
    help="Name the untrained SAE's latents, the model's neurons and principal axes likewise.",
)  # fmt: skip
@click.option(
    "--shuffles",
    type=click.IntRange(min=0),
    help="Other latents' names tried on each (default: 20; 2 with ollama).",
)
@click.option(
    "--history", type=click.IntRange(min=0, max=9), default=9, show_default=True,
    help="Titles of history in each case of a prompt.",
)  # fmt: skip
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds for one answer.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=64),
    default=4,
    show_default=True,
    help="Questions asked at a time.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@format_option
@sae_option
@db_option
def label(
    model: str | None,
    chosen: tuple[int, ...],
    controls: bool,
    format_: str,
    db: Path,
    **options: Any,
) -> None:
    """Name the latents of MODEL's dictionary, and put each name on trial beside its controls.

    A name counts when it tells users it was not made from, where the latent is active and where not, better than
    names of other latents do. With ollama every answer is kept: a run that ended early goes on where it was.
    """
    from recaudit.labels.run import CONTROLS, LabelRequest, label_latents

    request = LabelRequest(
        db=db, model=model, chosen=chosen, controls=CONTROLS if controls else (), **options
    )
    with stages() as begin:
        done = label_latents(request, begin, _shower(begin))
    show(*_figures(done), format_)
    _say(done, chosen)


def _figures(done: Outcome) -> tuple[list[str], list[list[Any]]]:
    """Shares of confident names, a row for the dictionary and one for each control."""
    rows: dict[str, dict[str, float]] = {}
    for metric in done.metrics:
        where = dict(metric.slice or {})
        if "space" not in where:
            rows.setdefault(str(where.get("control", "latents")), {})[metric.metric] = metric.value
            if metric.metric == "labels.share@0.8":
                rows[str(where.get("control", "latents"))]["n"] = metric.n
    columns = {
        "scored": "n",
        "verified": "labels.verified",
        "share at .8": "labels.share@0.8",
        "confidence": "labels.confidence",
        "recall": "labels.recall",
        "specificity": "labels.specificity",
        "hard": "labels.specificity_hard",
    }
    order = ["latents", *(name for name in rows if name != "latents")]
    table = [[name, *(rows[name].get(key) for key in columns.values())] for name in order if name in rows]
    return ["names of", *columns], table


def _say(done: Outcome, chosen: tuple[int, ...]) -> None:
    from recaudit.labels.verify import VERIFIED

    looked = [one for one in done.verdicts if not chosen or one.evidence.latent in chosen]
    verified = sum(one.status == VERIFIED for one in looked)
    refused = sum(one.evidence.refused is not None for one in looked)
    note(
        f"{verified:,} of {len(looked):,} latents have a name that beats other latents' names (BH q <= .05); "
        f"{refused:,} fire on too few users, or too weakly, to be named"
    )
    if done.labeller.startswith("ollama:"):
        note(f"{done.asked:,} questions asked; answers are kept, the same question is not asked again")
    note(f"next: recaudit labels {printable(done.model.name)}")


def _shower(begin: Stages) -> Callable[[int, int], None]:
    """Shows how many questions are answered: in place on a terminal, every hundred elsewhere."""

    def show_progress(done: int, total: int) -> None:
        if begin.update is not None:
            begin.update(f"asking: {done:,} of {total:,}")
        elif done % 100 == 0 or done == total:
            note(f"  {done:,} of {total:,} questions answered")

    return show_progress
