"""``recaudit train``"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from recaudit.cli.output import Stages, db_option, note, stages
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.sae.training import Settings
    from recaudit.sae.training.record import Look

F = TypeVar("F", bound=Callable[..., Any])

_POSITIVE = click.IntRange(min=1)
_PRESETS = "recaudit, recsae, monosemanticity4rec-mf, -ncf, -matryoshka, knots or popsteer"


def settings_options(function: F) -> F:
    """The options that say how a dictionary is trained; ``settings_from`` reads them."""
    for option in reversed(
        (
            click.option("--preset", default="recaudit", show_default=True, help=f"Settings to start from: {_PRESETS}."),
            click.option("--kind", help="topk, batchtopk, relu or jumprelu."),
            click.option("--scale", type=click.FloatRange(min=0, min_open=True), help="Latents per dimension."),
            click.option("--latents", type=_POSITIVE, help="Latents in all, instead of --scale."),
            click.option("--k", type=_POSITIVE, help="Latents kept per row; for jumprelu the number aimed at."),
            click.option("--matryoshka", metavar="WIDTHS", help="Nested dictionaries, for example 64,256,1024."),
            click.option("--site", help="Whose vectors: user, item or both."),
            click.option(
                "--loss", multiple=True, metavar="TERM=WEIGHT",
                help="reconstruction, auxiliary, l1, kl, rho, prediction or sparsity; repeatable.",
            ),
            click.option("--norm", help="Of each input row: none, layernorm or standardise."),
            click.option(
                "--augment", type=click.FloatRange(0, 1, max_open=True), metavar="SHARE",
                help="Of noise like the data in every row a step sees (default: 0.5 with fewer than 5 vectors a latent, else 0).",
            ),
            click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Of Adam, at its highest."),
            click.option("--batch", type=_POSITIVE, help="Rows per step."),
            click.option("--steps", type=_POSITIVE, help="Gradient steps at most."),
            click.option("--patience", type=_POSITIVE, help="Looks without a better one before it ends."),
            click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of every random draw."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def settings_from(options: dict[str, Any]) -> Settings:
    """The preset with what was given changed.

    Raises:
        UsageError: a preset, term or normalisation that is none.
    """
    from recaudit.dictionaries.options import settings_from as read

    return read(options)


@click.command()
@click.argument("model", required=False)
@settings_options
@click.option("--name", help="What to call the dictionary (default: its kind and size).")
@click.option("--replace", "replace_", is_flag=True, help="Write over a dictionary of the same name.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps or auto.")
@click.option(
    "--threads", type=_POSITIVE, default=1, show_default=True,
    help="Of torch. With one, the same seed gives the same bits on any machine of a kind.",
)  # fmt: skip
@db_option
def train(
    model: str | None,
    name: str | None,
    replace_: bool,
    device: str,
    threads: int,
    db: Path,
    **options: Any,
) -> None:
    """Train a sparse autoencoder on MODEL's stored vectors and store it with its controls.

    A tenth of the users is held out: on them it is decided which moment of the training was best. A training
    that was killed goes on where it was when the same command is given again.
    """
    settings = settings_from(options)
    from recaudit.analyses.findings import MANY_DEAD, learned_by_heart
    from recaudit.dictionaries.train import TrainRequest, train_dictionary
    from recaudit.sae.training.state import device_named

    given = {key: value for key, value in options.items() if value not in (None, ())}
    request = TrainRequest(
        db=db, settings=settings, model=model, name=name, replace=replace_, device=device_named(device),
        threads=threads, arguments={**given, "model": model, "name": name},
    )  # fmt: skip
    with stages() as begin:
        called, trained = train_dictionary(request, begin, _shower(begin))
    best = trained.best
    kept = "" if best.ndcg_ratio is None else f", {best.ndcg_ratio:.1%} of the NDCG@10"
    note(
        f"{printable(called)}: {len(trained.spec.encoder):,} latents, {best.l0:.1f} active; on held-out rows it explains "
        f"{best.explained_variance:.3f} of the variance ({max(round(best.l0), 1)} principal axes "
        f"{trained.explained_by_axes:.3f}) and keeps {best.overlap:.0%} of the first ten "
        f"recommendations{kept}; {best.dead_share:.1%} dead"
    )
    ended = "nothing improved any more" if trained.stopped == "plateau" else "all steps were taken"
    note(
        f"  {trained.looks[-1].step:,} steps in {trained.looks[-1].seconds:.0f} s: {ended}; best after {best.step:,}"
    )
    if best.dead_share > MANY_DEAD:
        live = round((1 - best.dead_share) * len(trained.spec.encoder))
        note(
            f"  {live:,} latents do the explaining: a smaller dictionary may do as well (--latents, --scale)"
        )
    if settings.augment is None and trained.settings.augment:
        note(
            f"  {sum(trained.rows.values()):,} vectors are few for {len(trained.spec.encoder):,} latents: every step saw them "
            f"with a share of noise like them (--augment {trained.settings.augment:g})"
        )
    if learned_by_heart(trained.record()):
        note(
            f"  of the vectors it was trained on it explains {trained.explained_trained:.3f}: they are few, and partly "
            f"learned by heart{'' if trained.settings.augment else ' (--augment 0.5 carries over better)'}"
        )
    note(f"next: recaudit report {printable(model or '')} --db {printable(db)}".replace("  ", " "))


def _shower(begin: Stages) -> Callable[[Look, int], None]:
    """Shows the newest look: in place on a terminal, now and then elsewhere."""
    looks = count(1)

    def show(look: Look, limit: int) -> None:
        said = (
            f"training: step {look.step:,} of {limit:,} · explained {look.explained_variance:.3f} · "
            f"L0 {look.l0:.1f} · dead {look.dead_share:.1%} · first ten kept {look.overlap:.0%}"
        )
        if begin.update is not None:
            begin.update(said)
        elif next(looks) % 10 == 1 or look.step == limit:
            note(f"  {said}")

    return show
