"""What a report is made of: a list of sections, each a function from an audit to tables.

A new analysis adds one ``Section`` to ``SECTIONS``; the drawings need no change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recaudit.report import bias, cav, concepts, labels, tables
from recaudit.report.model import TableSection
from recaudit.store import Audit, read
from recaudit.store.read import Model, Sae


@dataclass(frozen=True)
class Context:
    """What a section may look at."""

    audit: Audit
    model: Model
    sae: Sae | None
    rule: str
    """Attribution rule of the latent and item views."""


@dataclass(frozen=True)
class Section:
    """``make`` gives tables, none where nothing is stored; ``missing`` then says what would fill them."""

    name: str
    make: Callable[[Context], list[TableSection]]
    missing: str


def _of_sae(make: Callable[[Context, Sae], list[TableSection]]) -> Callable[[Context], list[TableSection]]:
    return lambda context: [] if context.sae is None else make(context, context.sae)


SECTIONS = [
    Section("ranking", lambda c: tables.of_model(c.audit, c.model), ""),
    Section("latents", _of_sae(lambda c, sae: tables.of_latents(c.audit, c.model, sae, c.rule)), ""),
    Section(
        "concepts",
        _of_sae(lambda c, sae: concepts.sections(c.audit, c.model, sae)),
        "run `recaudit concepts`",
    ),
    Section("names", _of_sae(lambda c, sae: labels.sections(c.audit, c.model, sae)), "run `recaudit label`"),
    Section("concept vectors", lambda c: cav.sections(c.audit, c.model), "run `recaudit cav`"),
    Section("bias", lambda c: bias.sections(c.audit, c.model, c.sae), "run `recaudit bias`"),
]

_NO_SAE = "no sparse autoencoder: train one with `recaudit train`, or ingest the model again with --sae FILE"
_OF_SAE = ("fidelity", "health", "latents", "concepts", "names")
_NOT_HELD_OUT = "nothing is held out: ingest with another --split, or data that has test rows"


def collect(context: Context) -> tuple[list[TableSection], dict[str, str]]:
    """Every table there is, and for each section without any what would fill it."""
    found: list[TableSection] = []
    missing: dict[str, str] = {}
    if not read.has_metrics(context.audit, context.model.model_id, context.model.protocol):
        missing["ranking"] = _NOT_HELD_OUT
    if context.sae is None:
        missing |= dict.fromkeys(_OF_SAE, _NO_SAE)
    for part in SECTIONS:
        made = part.make(context)
        found += [table for table in made if table.rows]
        if not made and part.missing:
            missing.setdefault(part.name, part.missing)
    return found, missing
