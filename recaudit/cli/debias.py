"""``recaudit debias``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recaudit.cli.output import db_option, format_option, note, sae_option, show, stages
from recaudit.errors import NoVerdictError
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.interventions.search import Found, Point


def _share(ctx: click.Context, parameter: click.Parameter, text: str) -> float:
    from recaudit.interventions.words import share

    try:
        return share(text)
    except ValueError:
        raise click.BadParameter(f"{text}: give a share from 0 to 1, or a percentage as in 1%") from None


@click.command()
@click.argument("model", required=False)
@click.option("--target", "name", default="popularity", show_default=True,
              help="popularity, concept:NAME or group:ATTRIBUTE.")  # fmt: skip
@click.option(
    "--max-loss", default="1%", show_default=True, callback=_share, help="NDCG@10 that may be lost."
)
@click.option("--more", is_flag=True, help="Want more of a concept, not less.")
@click.option("--front", is_flag=True, help="Print every point, not only the best of each method.")
@click.option("--protocol", help="Evaluation protocol (default: the model's own).")
@click.option(
    "--save", metavar="NAME", help="Keep the best edit of latents, its price and the front in the audit file."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write that edit as TOML."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random draw.")
@format_option
@sae_option
@db_option
def debias(
    model: str | None,
    name: str,
    max_loss: float,
    more: bool,
    front: bool,
    protocol: str | None,
    save: str | None,
    output: Path | None,
    seed: int,
    format_: str,
    sae: str | None,
    db: Path,
) -> None:
    """Find the cheapest edit of MODEL's latents against a bias, beside methods that need no dictionary.

    Latents and strength are chosen on half of the users, within --max-loss; what is printed is measured on the others.
    """
    from recaudit.interventions.debias import Request, debias
    from recaudit.interventions.sentences import found_in_words

    with stages() as begin:

        def counted(done: int, total: int) -> None:
            if begin.update is not None:
                begin.update(f"searching: {done:,} of {total:,}")

        request = Request(db, model, name, max_loss, more, sae, protocol, seed, save)
        named, found = debias(request, begin, counted)
    show(*(_front(found) if front else _best(found)), format_)
    for sentence in found_in_words(found):
        note(sentence)
    own = found.chosen.get("latents")
    if own is None and (save is not None or output is not None):
        raise NoVerdictError(
            f"no edit of latents was found for {printable(name)} within the allowed loss, so there is none to keep",
            fix="allow more with --max-loss, or use another dictionary (--sae NAME)",
        )
    if own is not None and output is not None:
        from recaudit.cli.steer import write_toml

        assert own.point.intervention is not None
        write_toml(output, own.point.intervention)
    if save is not None:
        note(
            f"kept as {printable(save)}: recaudit steer {printable(named.name)} --intervention {printable(save)}"
        )


def _best(found: Found) -> tuple[list[str], list[list[Any]]]:
    columns = [
        "method",
        "setting",
        "before",
        "after",
        "low",
        "high",
        "ndcg kept",
        "kept low",
        "kept high",
        "tail share",
        "arp",
    ]
    rows = []
    for method, one in found.chosen.items():
        before = found.before[1]
        kept = one.kept
        rows.append(
            [
                method, _setting(one.point), before, before + one.change.value, before + one.change.low,
                before + one.change.high, *((kept.value, kept.low, kept.high) if kept else (None, None, None)),
                one.point.summary.get("long_tail_share@10"), one.point.summary.get("arp@10"),
            ]
        )  # fmt: skip
    return columns, rows


def _front(found: Found) -> tuple[list[str], list[list[Any]]]:
    columns = [
        "method",
        "setting",
        "validation",
        "test",
        "kept validation",
        "kept test",
        "tail share",
        "arp",
        "overlap",
        "chosen",
    ]
    best = {id(one.point) for one in found.chosen.values()}
    rows = [
        [
            point.method, _setting(point), *point.value, *point.kept, point.summary.get("long_tail_share@10"),
            point.summary.get("arp@10"), point.summary.get("overlap@10"), id(point) in best,
        ]
        for point in found.points
    ]  # fmt: skip
    return columns, rows


def _setting(point: Point) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in point.setting.items())
