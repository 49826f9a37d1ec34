"""The step that prices an intervention and keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from recaudit.errors import UsageError
from recaudit.plan.keys import Declaration, Key, Kind, sae_key
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.base import Doing, Step, called, paths_of
from recaudit.store import Audit, read, reading, steps, write, writing
from recaudit.store.read import Model

if TYPE_CHECKING:
    from recaudit.interventions.edits import Intervention

_SELECTED_BY = ("concepts", "cav", "bias", "label")
"""Steps whose results an edit may choose latents or directions by."""


@dataclass(frozen=True, eq=False)
class Intervene(Step):
    """One an [[intervention]]."""

    name: ClassVar[str] = "intervene"
    declares: ClassVar[Declaration] = Declaration(
        "intervention",
        "Edits that are tried, priced and kept: the options of `recaudit steer`. Give `edit` or `file`.",
        command="steer",
        without=("intervention", "user", "groups", "save", "output", "export", "as", "checkpoint"),
        keys=(
            Key("name", "name", Kind.TEXT, None, "What the intervention is called."),
            sae_key("The first dictionary by default."),
            Key(
                "keep-error",
                "keep_error",
                Kind.SWITCH,
                None,
                "Keep what the dictionary does not explain: as the file says, else yes.",
            ),
        ),
        required=("name",),
    )
    section: Section = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """After everything that latents can be chosen by."""
        needs = [*called("ingest", before), *called("train", before)]
        needs += [step for name in _SELECTED_BY for step in called(name, before)]
        return [
            cls(plan, section.options["name"], tuple(needs), section=section)
            for section in plan.all("intervention")
        ]

    def asked(self) -> Intervention:
        """Raises:
        UsageError: no edits, edits and a file, or an edit that cannot be.
        """
        from recaudit.interventions import file, words
        from recaudit.interventions.edits import Intervention

        options = self.section.options
        with self.plan.at(self.section):
            if bool(options["edits"]) == (options["path"] is not None):
                raise UsageError(
                    "give `edit` or `file`, one of both", fix=f"an edit is written {words.EXAMPLE}"
                )
            if options["path"] is not None:
                found = file.read(Path(options["path"]))
            else:
                found = Intervention(tuple(words.edit(one) for one in options["edits"]))
            if options["strength"] is not None:
                found = found.scaled(options["strength"])
        return found if options["keep_error"] is None else replace(found, keep_error=options["keep_error"])

    def check(self) -> None:
        self.asked()

    def settings(self) -> Mapping[str, Any]:
        return self.section.settings

    def files(self) -> Mapping[str, Path]:
        return paths_of(self.section)

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        return steps.made_intervention(audit, model, self.section.options["name"])

    def do(self, doing: Doing) -> None:
        from recaudit.interventions.dry_run import tried
        from recaudit.interventions.keeping import keep
        from recaudit.interventions.sentences import told

        options, asked = self.section.options, self.asked()
        doing.say("steering")
        with reading(doing.db) as audit:
            model = read.model_named(audit, self.plan.name)
            name = options["sae"] or asked.dictionary or self.plan.dictionaries[0]
            found = tried(
                audit,
                model,
                asked,
                sae=read.find_sae(audit, model, name),
                watched=options["watch"],
                protocol=options["protocol"],
                seed=options["seed"],
                draws=options["draws"],
                with_controls=options["draws"] > 0,
            )
        said = {"model": model.name, "name": options["name"], **self.declared(doing.digests)}
        run = write.Run("steer", said, options["seed"], [model.sha256])
        with writing(doing.db) as audit:
            write.add_run(audit, run)
            keep(audit, run, options["name"], found, options["seed"])
        for sentence in told(found.prices, found.controls):
            doing.note(sentence)
