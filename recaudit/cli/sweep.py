"""``recaudit sweep``"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recaudit.cli.output import db_option, format_option, note, show_frame, stages
from recaudit.cli.train import settings_from, settings_options
from recaudit.errors import UsageError
from recaudit.text import printable

if TYPE_CHECKING:
    import pandas as pd

    from recaudit.sae.training import Settings

_TITLES = {
    "fidelity.ndcg_ratio@10": "NDCG@10 kept",
    "fidelity.overlap@10": "first ten kept",
    "fidelity.rbo@30": "RBO@30",
    "fidelity.kendall_tau@30": "Kendall tau@30",
    "fidelity.explained_variance": "explained variance",
    "sae.dead_share": "dead latents",
    "coverage.latents_with_concept": "latents with a concept",
    "monosemanticity.mean": "monosemanticity",
    "labels.count@0.8": "confident names",
    "labels.share@0.8": "share of confident names",
}
_WHOLE = ("latents", "k", "batch")


@click.command()
@click.argument("model", required=False)
@click.option(
    "--grid", multiple=True, required=True, metavar="AXIS=VALUES",
    help="scale, latents, k, kind, prediction, learning_rate or batch, for example k=4,8,16; repeatable.",
)  # fmt: skip
@settings_options
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings a point.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes (default: one a core).")
@click.option(
    "--concepts/--no-concepts", default=True, help="Also measure coverage and monosemanticity, and try names."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False),
    help="Folder for sweep.csv and one picture an axis.",
)  # fmt: skip
@format_option
@db_option
def sweep(
    model: str | None,
    grid: tuple[str, ...],
    seeds: int,
    jobs: int | None,
    concepts: bool,
    output: Path | None,
    format_: str,
    db: Path,
    **options: Any,
) -> None:
    """Train dictionaries of MODEL over a grid of settings and compare what each keeps.

    Only numbers are stored, a point at a time: a sweep that was killed goes on, and one with a larger grid
    trains what is new. Other settings are those of `recaudit train`.
    """
    from recaudit.dictionaries.sweep import SweepRequest, table
    from recaudit.dictionaries.sweep import sweep as run

    axes = dict(_axis(text) for text in grid)
    given = {key: value for key, value in options.items() if value not in (None, ())}
    request = SweepRequest(
        db=db, base=settings_from(options), grid=axes, seeds=seeds, model=model,
        jobs=jobs or os.cpu_count() or 1, with_concepts=concepts, arguments={**given, "grid": list(grid)},
    )  # fmt: skip
    with stages() as begin:
        begin("training and measuring")
        run(request, _progress)
    found = table(db, model)
    shown = found[[name for name in found if not str(name).endswith((":low", ":high"))]]
    show_frame(shown.dropna(axis="columns", how="all"), format_)
    if output is not None:
        _write(found, axes, output)


def _progress(done: int, of: int, settings: Settings) -> None:
    said = (
        f"{settings.kind}, k {settings.k}, scale {settings.scale:g}, prediction {settings.loss.prediction:g}"
    )
    note(f"  {done} of {of}: {said}, seed {settings.seed}")


def _write(found: pd.DataFrame, axes: dict[str, list[Any]], folder: Path) -> None:
    from recaudit.report import charts

    folder.mkdir(parents=True, exist_ok=True)
    found.to_csv(folder / "sweep.csv", index=False)
    note(f"wrote {printable(folder / 'sweep.csv')}")
    varied = [axis for axis, values in axes.items() if len(values) > 1]
    for axis in varied:
        rest = [other for other in varied if other != axis]
        drawn = found[found[axis].isin(axes[axis])].copy()
        if rest:
            drawn["with"] = [
                ", ".join(f"{axis} {_said(value)}" for axis, value in zip(rest, row, strict=True))
                for row in drawn[rest].itertuples(index=False)
            ]
        chart = charts.lines(drawn, axis, _TITLES, "with" if rest else None, x_title=axis)
        path = folder / f"by-{axis.replace('_', '-')}.svg"
        path.write_text(charts.svg(chart), encoding="utf-8")
        note(f"wrote {printable(path)}")


def _said(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _axis(text: str) -> tuple[str, list[Any]]:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise UsageError(f"--grid {printable(text)} has no AXIS=VALUES form", fix="for example k=4,8,16")
    if name == "kind":
        return name, values.split(",")
    try:
        return name, [int(value) if name in _WHOLE else float(value) for value in values.split(",")]
    except ValueError:
        raise UsageError(
            f"--grid {printable(text)}: the values of {printable(name)} are numbers",
            fix="for example k=4,8,16",
        ) from None
