"""The step that asks what a dictionary's latents stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from recaudit.plan.keys import Declaration, sae_key, seed_key
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.analyse import analyses
from recaudit.plan.steps.base import Doing, Step, stored_sae
from recaudit.store import Audit, steps
from recaudit.store.read import Model


@dataclass(frozen=True, eq=False)
class Concepts(Step):
    """One for each dictionary that [concepts] is about: all, unless it names one."""

    name: ClassVar[str] = "concepts"
    declares: ClassVar[Declaration] = Declaration(
        "concepts",
        "What latents stand for, as `recaudit concepts` shows it.",
        keys=(sae_key("All dictionaries by default."), seed_key()),
    )
    may_be_empty: ClassVar[bool] = True
    section: Section = field(kw_only=True)
    sae: str | None = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """Each after the analysis of its dictionary, whose lists the rules need."""
        analysed = analyses(plan, before)
        wanted: dict[str | None, Section] = {}
        for section in plan.all("concepts"):
            chosen = section.options["sae"]
            for sae in plan.dictionaries if chosen is None else (chosen,):
                wanted[sae] = section
        return [
            cls(plan, sae or "the newest dictionary", (analysed[sae],), section=section, sae=sae)
            for sae, section in wanted.items()
        ]

    def settings(self) -> Mapping[str, Any]:
        return {"seed": self.section.options["seed"]}

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        sae = stored_sae(audit, model, self.sae)
        return frozenset() if sae is None else steps.made_concepts(audit, sae)

    def do(self, doing: Doing) -> None:
        from recaudit.analyses import concepts

        doing.say("looking for concepts among the latents")
        concepts.ensure(
            doing.db,
            self.plan.name,
            sae=self.sae,
            seed=self.section.options["seed"],
            again=True,
            arguments=self.declared(doing.digests),
        )
