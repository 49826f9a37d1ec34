"""What lies on the desk and around it: names of latents, audiences, interventions kept in the audit or in files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from recaudit.errors import UsageError
from recaudit.interventions import file
from recaudit.interventions.controls import Variant
from recaudit.interventions.dry_run import DryRun, tried
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.keeping import keep
from recaudit.interventions.price import Price
from recaudit.interventions.selections import latents_of, resolved
from recaudit.interventions.sentences import told
from recaudit.interventions.words import sentence
from recaudit.store import Audit, listings, read, write, writing
from recaudit.store import interventions as store
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data.steer import MEASURES, called, changed, ordered, price_row, written
from recaudit.tui.data.write_out import QUIET, whiskers
from recaudit.tui.desk import Desk
from recaudit.tui.host import Subject

if TYPE_CHECKING:
    from recaudit.interventions.export.command import Exported

NAMED = 3
"""Latents of a selection that are named; the others are counted."""


@dataclass(frozen=True)
class Facts:
    """Of an edit: what it is of in words, its latents, and their largest activation."""

    name: str
    latents: tuple[int, ...]
    most: float


def facts_of(audit: Audit, subject: Subject, edits: Sequence[Edit]) -> list[Facts]:
    """Of each edit.

    Raises:
        UsageError, NoVerdictError: a selection that finds nothing; says which command fills it.
    """
    model, sae = subject.model, subject.sae
    if sae is None:
        resolved(audit, model, None, Intervention(tuple(edits)))
        return [Facts(f"the {edit.direction} direction", (), 1.0) for edit in edits]
    named = resolved(audit, model, sae, Intervention(tuple(e for e in edits if not e.direction)))
    latents = iter(named.edits)
    names, most = listings.latent_names(audit, sae), read.latent_columns(audit, sae)["max_value"]
    found = []
    for edit in edits:
        if edit.direction:
            found.append(Facts(f"the {printable(edit.direction)} direction", (), 1.0))
            continue
        own = next(latents).latents
        found.append(Facts(_named(edit, own, names), own, max(float(most[list(own)].max()), 1e-6)))
    return found


def _named(edit: Edit, latents: tuple[int, ...], names: dict[int, str]) -> str:
    if len(latents) == 1:
        name = names.get(latents[0], "")
        return f"{latents[0]} {printable(name, 60)}".strip()
    listed = ", ".join(map(str, latents[:NAMED])) + (
        f" +{len(latents) - NAMED}" if len(latents) > NAMED else ""
    )
    return f"{printable(edit.select)}: {listed}" if edit.select else f"latents {listed}"


def single(audit: Audit, subject: Subject, edit: Edit) -> tuple[Edit, ...]:
    """The same edit latent by latent.

    Raises:
        UsageError: it is of no latents.
    """
    model, sae = subject.model, subject.sae
    if edit.direction is not None or sae is None:
        raise UsageError("a direction has no parts", fix="take apart an edit of several latents")
    latents = edit.latents or latents_of(audit, model, sae, edit.select or "")
    return tuple(edit.with_latents((latent,)) for latent in latents)


def audiences(audit: Audit, subject: Subject) -> list[tuple[str, int]]:
    """User groups, ``attribute=value``, with their sizes."""
    return listings.group_sizes(audit, subject.model.dataset_id)


# With intervals and controls


def dry_run(audit: Audit, subject: Subject, intervention: Intervention, watched: Sequence[str]) -> DryRun:
    """Everything `recaudit steer` says: intervals over users, and the controls."""
    return tried(audit, subject.model, intervention, sae=subject.sae, watched=watched)


def dry_run_blocks(found: DryRun) -> list[Block]:
    """What it comes to in sentences, the price with intervals, and beside it the controls."""
    whole = [p for p in ordered(found.prices) if not p.slice or "concept" in p.slice]
    rows = tuple(_with_interval(price) for price in whole)
    columns = (
        Column("", firm=True), Column("before", right=True, style=QUIET), Column("after", right=True),
        Column("change", right=True), Column("95 % interval", right=True, style=QUIET),
    )  # fmt: skip
    shown = [
        Block("said", "What it comes to", sentences=tuple(f"· {line}" for line in told(found.prices, found.controls))),
        Block(
            "price", "Price, with intervals over users", "Green and red: better and worse, where the whole interval says so.",
            columns, rows, _PRICES, len(rows),
        ),
    ]  # fmt: skip
    return [*shown, _controls(found, whole)] if found.controls else shown


def _with_interval(price: Price) -> Row:
    row = price_row(price)
    if price.low is None or price.high is None:
        return Row((*row.cells, ""), (*row.values, None))
    interval = f"{changed(price.name, price.low)} … {changed(price.name, price.high)}"
    clear = price.low > 0 or price.high < 0
    better = price.change > 0 if price.better == "higher" else price.change < 0
    style = "" if not clear or price.better == "none" else "$text-success" if better else "$text-error"
    return Row((*row.cells, interval), (*row.values, interval), style=style)


def _controls(found: DryRun, whole: Sequence[Price]) -> Block:
    """Changes of the edit and of each control, side by side."""
    rows = []
    for price in whole:
        beside = [price.change, *(_beside(control, price) for control in found.controls)]
        cells = ("–" if change is None else changed(price.name, change) for change in beside)
        rows.append(Row((called(price), *cells), (called(price), *beside)))
    columns = (Column("", firm=True), *(Column(name, right=True) for name in ("edit", *(c.name for c in found.controls))))  # fmt: skip
    return Block(
        "controls", "Beside controls", "Changes. Random latents that fire as often, noise of the same length, and what needs no dictionary.",
        columns, tuple(rows), f"{_PRICES} WHERE variant <> 'edit'", len(rows),
    )  # fmt: skip


_PRICES = "SELECT * FROM intervention_prices"


def _beside(control: Variant, price: Price) -> float | None:
    return next((p.change for p in control.prices if (p.name, p.slice) == (price.name, price.slice)), None)


# Kept and loaded


def kept_texts(audit: Audit, subject: Subject) -> dict[str, str]:
    """TOML of each intervention kept for the model, by name."""
    return {one.name: one.toml for one in store.kept(audit, subject.model)}


def as_toml(audit: Audit, subject: Subject, intervention: Intervention) -> str:
    """The file's text, its latents resolved and tied to the dictionary."""
    return file.to_toml(resolved(audit, subject.model, subject.sae, intervention))


def loaded(text: str, name: str, subject: Subject) -> Desk:
    """The desk that makes an intervention of a file or of the audit.

    Raises:
        UsageError: not an intervention, or one for another dictionary.
    """
    from recaudit.interventions.selections import checked
    from recaudit.tui.desk import of_intervention

    found = file.parsed(text, Path(name))
    if found.of_latents:
        checked(subject.model, subject.sae, found)
    return of_intervention(found)


def write_toml(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    from recaudit.gates.keeping import write_whole

    write_whole(path, text)
    return path


def keep_priced(path: Path, found: DryRun, name: str, seed: int = 0) -> str:
    """Keep an intervention with its price and controls; says what was done."""
    model = found.model
    arguments = {"model": model.name, "name": name, "intervention": file.to_toml(found.intervention)}
    with writing(path) as audit:
        run = write.Run("steer", arguments, seed, [model.sha256])
        write.add_run(audit, run)
        keep(audit, run, name, found, seed)
    return f"Kept as {name}, with its price and controls"


def export(
    audit: Audit, subject: Subject, intervention: Intervention, path: Path, form: str, original: Path | None
) -> Exported:
    """Write the steered model. Raises as ``interventions.export.command.exported``."""
    from recaudit.interventions.export.command import exported

    found = resolved(audit, subject.model, subject.sae, intervention)
    return exported(audit, subject.model, subject.sae, found, path, form=form, original=original)


def kept_blocks(audit: Audit, subject: Subject) -> list[Block]:
    """Every kept intervention beside the others: change and interval, drawn on one scale per measure."""
    prices = store.prices(audit, subject.model)
    prices = prices[(prices["variant"] == "edit") & prices["metric"].isin(list(MEASURES))]
    found = [_overview(audit, subject)]
    for metric, title in MEASURES.items():
        for slice_, own in prices[prices["metric"] == metric].groupby("slice", sort=True):
            where = json.loads(str(slice_))
            if len(own) and not ({"target", "group"} & set(where)):
                found.append(_compared(metric, " ".join([title, *where.values()]), own))
    return found


def _overview(audit: Audit, subject: Subject) -> Block:
    rows = []
    for one in store.kept(audit, subject.model):
        said = "; ".join(sentence(edit) for edit in file.parsed(one.toml, Path(one.name)).edits)
        rows.append(Row((printable(one.name, 24), printable(said, 120)), (one.name, said), take=f"kept:{one.name}"))  # fmt: skip
    return Block(
        "kept", "Kept interventions", "Enter puts one on the desk." if rows else "None yet: s keeps what is on the desk.",
        (Column("name"), Column("edits", style=QUIET)), tuple(rows),
        f"SELECT name, toml FROM interventions WHERE model_id = {subject.model.model_id}", len(rows),
    )  # fmt: skip


def _compared(metric: str, title: str, own: pd.DataFrame) -> Block:
    ends = [float(value) for value in [*own["change"], *own["low"].dropna(), *own["high"].dropna(), 0.0]]
    rows = []
    for row in own.itertuples():
        low, high = (None if value != value else float(value) for value in (row.low, row.high))
        drawn = whiskers(float(row.change), low, high, min(ends), max(ends))
        interval = "" if low is None or high is None else f"{changed(metric, low)} … {changed(metric, high)}"
        cells = (printable(row.name, 24), written(metric, float(row.before)), written(metric, float(row.after)), changed(metric, float(row.change)), interval, drawn)  # fmt: skip
        rows.append(Row(cells, (row.name, row.before, row.after, row.change, interval, None), take=f"kept:{row.name}"))  # fmt: skip
    columns = (
        Column("name"), Column("before", right=True, style=QUIET), Column("after", right=True), Column("change", right=True),
        Column("95 % interval", right=True, style=QUIET), Column("", style="$primary", firm=True),
    )  # fmt: skip
    return Block(metric, title, "", columns, tuple(rows), f"{_PRICES} WHERE metric = '{metric}' AND variant = 'edit'", len(rows))  # fmt: skip
