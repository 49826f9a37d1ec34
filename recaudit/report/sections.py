"""What a report is made of: a list of sections, each a function from an audit to tables.

A new analysis adds one ``Section`` to ``SECTIONS``; another package registers one function (``register``). The
drawings need no change for either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import entry_points

from recaudit.errors import UsageError
from recaudit.report import bias, cav, concepts, interventions, labels, profiles, survey, tables
from recaudit.report.context import Context, Draw, Make
from recaudit.report.exhibits import bias as bias_exhibits
from recaudit.report.exhibits import cav as cav_exhibits
from recaudit.report.exhibits import concepts as concept_exhibits
from recaudit.report.exhibits import interventions as intervention_exhibits
from recaudit.report.exhibits import names as name_exhibits
from recaudit.report.exhibits import ranking as ranking_exhibits
from recaudit.report.exhibits import survey as survey_exhibits
from recaudit.report.exhibits import time as time_exhibits
from recaudit.report.model import TableSection
from recaudit.store import read
from recaudit.store.read import Sae
from recaudit.text import printable

PLUGINS = "recaudit.sections"
"""Entry-point group whose modules register sections when they are loaded."""


@dataclass(frozen=True)
class Section:
    """``make`` gives tables, none where nothing is stored; ``missing`` then says what would fill them.

    Attributes:
        title: heading of its chapter in a page; its name by default.
        about: one or two sentences below that heading.
        draw: exhibits with charts for a page; one whose table has the name of a table of ``make`` takes its place.
        lacks: what of a section that has tables was not run, and what would fill it; None for nothing.
    """

    name: str
    make: Make
    missing: str
    title: str = ""
    about: str = ""
    draw: Draw = field(default=lambda context: [])
    lacks: Callable[[Context], str | None] = field(default=lambda context: None)


@dataclass(frozen=True)
class Chapter:
    """A section with its tables; ``missing`` says why there are none."""

    section: Section
    tables: list[TableSection]
    missing: str | None


def _of_sae(make: Callable[[Context, Sae], list[TableSection]]) -> Make:
    return lambda context: [] if context.sae is None else make(context, context.sae)


SECTIONS = [
    Section(
        "ranking",
        lambda c: tables.of_model(c.audit, c.model),
        "",
        "Ranking and fidelity",
        "How well the model ranks what was held out, what is left of it when the dictionary's reconstruction takes the "
        "place of its vectors, and whether the dictionary is in good health.",
        ranking_exhibits.draw,
        lambda c: f"fidelity and health: {_NO_SAE}" if c.sae is None else None,
    ),
    Section(
        "concepts",
        _of_sae(lambda c, sae: concepts.sections(c.audit, c.model, sae)),
        "run `recaudit concepts`",
        "Concept coverage",
        "Which concepts of the data have a latent that stands for them, how sure that is, and which have none.",
        concept_exhibits.draw,
    ),
    Section(
        "latents",
        _of_sae(lambda c, sae: tables.of_latents(c.audit, c.model, sae, c.rule)),
        "",
        "Latents",
        "The parts that the dictionary takes the model's vectors apart into.",
    ),
    Section(
        "names",
        _of_sae(lambda c, sae: labels.sections(c.audit, c.model, sae)),
        "run `recaudit label`",
        "Names and their controls",
        "Every name was made from some users and tried on others; a share of good names means something only beside "
        "the same procedure on controls.",
        name_exhibits.draw,
    ),
    Section(
        "survey",
        _of_sae(lambda c, sae: survey.sections(c)),
        "run `recaudit concepts`",
        "Survey of concepts",
        "What this model encodes: how many of its latents stand for each concept, beside an untrained dictionary of the "
        "same model and, with `--beside MODEL`, another model of the audit.",
        survey_exhibits.draw,
    ),
    Section(
        "bias",
        lambda c: bias.sections(c.audit, c.model, c.sae),
        "run `recaudit bias`",
        "Popularity and groups",
        "What the lists favour, whom they serve worse, and which latents go with either.",
        bias_exhibits.draw,
        bias_exhibits.lacks,
    ),
    Section(
        "concept vectors",
        lambda c: cav.sections(c.audit, c.model),
        "run `recaudit cav`",
        "Concepts as directions, and ratings",
        "Concept activation vectors: what the item vectors hold, dictionary or not, and whether users to whom the model "
        "ascribes a taste for a concept rate it higher or merely consume more of it.",
        cav_exhibits.draw,
        cav_exhibits.lacks,
    ),
    Section(
        "time",
        _of_sae(lambda c, sae: profiles.temporal(c.audit, sae)),
        "run `recaudit concepts` on data whose items have years",
        "Time",
        "Latents whose items keep to a few decades.",
        time_exhibits.draw,
    ),
    Section(
        "interventions",
        lambda c: interventions.sections(c.audit, c.model, c.sae),
        "run `recaudit tune`, `recaudit promote`, `recaudit debias --save NAME` or `recaudit steer --save NAME`",
        "Interventions",
        "What happens to lists, and to ranking quality, when parts of the vectors are turned; beside random parts and beside "
        "methods that need no dictionary.",
        intervention_exhibits.draw,
    ),
]

_NO_SAE = "no sparse autoencoder: train one with `recaudit train`, or ingest the model again with --sae FILE"
_OF_SAE = ("fidelity", "health", "latents", "concepts", "names", "survey", "time")
_NOT_HELD_OUT = "nothing is held out: ingest with another --split, or data that has test rows"


def register(
    name: str, *, missing: str, title: str = "", about: str = "", draw: Draw | None = None
) -> Callable[[Make], Make]:
    """Decorator that adds a section to every report, after recaudit's own.

    A package that names the module or the function under the entry-point group ``recaudit.sections`` is found by
    the commands.

    Args:
        name: of the section, short; also its anchor in a page.
        missing: what to do where the function gives no table.
        title, about, draw: see ``Section``.

    Raises:
        UsageError: a section of that name exists.
    """

    def add(make: Make) -> Make:
        if any(known.name == name for known in (*SECTIONS, *_REGISTERED)):
            raise UsageError(
                f"a report has a section named {printable(name)} already",
                fix="register it under another name",
            )
        _REGISTERED.append(Section(name, make, missing, title, about, draw or (lambda context: [])))
        return make

    return add


_REGISTERED: list[Section] = []


def all_sections() -> list[Section]:
    """recaudit's own sections, then those of other packages.

    Raises:
        UsageError: a package that registers sections cannot be loaded.
    """
    _load_plugins()
    return [*SECTIONS, *_REGISTERED]


@cache
def _load_plugins() -> None:
    for plugin in entry_points(group=PLUGINS):
        try:
            plugin.load()
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"report section {printable(plugin.name)} of {printable(plugin.value)} cannot be loaded: "
                f"{printable(error, 200)}",
                fix="repair or uninstall the package that brings it",
            ) from error


def collect(context: Context) -> list[Chapter]:
    """Every section with its tables, and for each section without any what would fill it."""
    return [_chapter(context, part) for part in all_sections()]


def _chapter(context: Context, part: Section) -> Chapter:
    made = part.make(context)
    return Chapter(part, [table for table in made if table.rows], _missing(context, part, bool(made)))


def _missing(context: Context, part: Section, made: bool) -> str | None:
    if part.name in _OF_SAE and context.sae is None:
        return _NO_SAE
    if part.name == "ranking" and not has_ranking(context):
        return _NOT_HELD_OUT
    return part.missing if not made and part.missing else None


def has_ranking(context: Context) -> bool:
    """Whether ranking numbers are stored under the protocol."""
    return read.has_metrics(context.audit, context.model.model_id, context.model.protocol)


def missing(context: Context, chapters: list[Chapter]) -> dict[str, str]:
    """Section to why it is not here, in the order that readers meet them."""
    found: dict[str, str] = {}
    if not has_ranking(context):
        found["ranking"] = _NOT_HELD_OUT
    if context.sae is None:
        found |= dict.fromkeys(_OF_SAE, _NO_SAE)
    for chapter in chapters:
        if chapter.missing:
            found.setdefault(chapter.section.name, chapter.missing)
    return found
