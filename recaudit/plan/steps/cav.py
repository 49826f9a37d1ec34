"""The step of concept activation vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from recaudit.plan.keys import Declaration
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.base import Doing, Step, called, paths_of
from recaudit.store import Audit, steps
from recaudit.store.read import Model

if TYPE_CHECKING:
    from recaudit.analyses.cav.settings import Settings


@dataclass(frozen=True, eq=False)
class Cav(Step):
    """One a [[cav]]: a variant of all concepts, or one pair of them."""

    name: ClassVar[str] = "cav"
    declares: ClassVar[Declaration] = Declaration(
        "cav",
        "Concept activation vectors: the options of `recaudit cav`.",
        command="cav",
        without=("concept", "again"),
    )
    may_be_empty: ClassVar[bool] = True
    section: Section = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """Each after all dictionaries, whose latents are held against the directions."""
        needs = (*called("ingest", before), *called("train", before))
        found: list[Step] = []
        for section in plan.all("cav"):
            step = cls(plan, "", needs, section=section)
            pair = section.options["relative"]
            about = step.chosen().variant.removeprefix("cav: ") + (f", {pair}" if pair else "")
            found.append(cls(plan, about, needs, section=section))
        return found

    def chosen(self) -> Settings:
        """Raises:
        UsageError: a setting that cannot be.
        """
        from recaudit.analyses.cav.settings import Settings

        known = {one.name for one in fields(Settings)}
        with self.plan.at(self.section):
            return Settings(**{key: value for key, value in self.section.options.items() if key in known})

    def settings(self) -> Mapping[str, Any]:
        options = self.section.options
        return {**asdict(self.chosen()), "relative": options["relative"], "drop": list(options["drop"])}

    def files(self) -> Mapping[str, Path]:
        return paths_of(self.section)

    def check(self) -> None:
        self.chosen()

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        from recaudit.analyses.cav.command import asked_pair

        text = self.section.options["relative"]
        pair = None if text is None else asked_pair(audit, model, text).ids
        return steps.made_cavs(audit, model, self.chosen().variant, pair)

    def do(self, doing: Doing) -> None:
        from recaudit.analyses.cav.command import ensure

        options = self.section.options
        ensure(
            doing.db,
            self.plan.name,
            self.chosen(),
            relative=options["relative"],
            ratings_path=options["ratings"],
            checkpoint=options["checkpoint"],
            drop=options["drop"],
            again=True,
            arguments=self.declared(doing.digests),
            progress=doing.say,
        )
