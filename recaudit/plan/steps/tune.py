"""The step that turns concepts up and down by their latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from recaudit.plan.keys import Declaration, sae_key
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.base import Doing, Step, called, stored_sae
from recaudit.store import Audit, steps
from recaudit.store.read import Model


@dataclass(frozen=True, eq=False)
class Tune(Step):
    """One for each dictionary, or for the one that the section names."""

    name: ClassVar[str] = "tune"
    declares: ClassVar[Declaration] = Declaration(
        "tuning",
        "Concepts turned up and down by the latents that stand for them: the options of `recaudit tune`. Needs [concepts].",
        command="tune",
        keys=(sae_key("All dictionaries by default."),),
        many=False,
    )
    may_be_empty: ClassVar[bool] = True
    section: Section = field(kw_only=True)
    sae: str | None = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """After coverage, which says the latents, and concept vectors, which are a control."""
        needs = (*called("concepts", before), *called("cav", before))
        found: list[Step] = []
        for section in plan.all("tuning"):
            chosen = section.options["sae"]
            for sae in plan.dictionaries if chosen is None else (chosen,):
                about = sae or "the newest dictionary"
                found.append(cls(plan, about, needs, section=section, sae=sae))
        return found

    def check(self) -> None:
        from recaudit.interventions.tuning import levels_named

        with self.plan.at(self.section):
            levels_named(self.section.options["levels"])

    def settings(self) -> Mapping[str, Any]:
        return {key: value for key, value in self.section.settings.items() if key != "sae"}

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        sae = stored_sae(audit, model, self.sae)
        return frozenset() if sae is None else steps.made_tunings(audit, sae)

    def do(self, doing: Doing) -> None:
        from recaudit.interventions.tune import TuneRequest, tune

        options = self.section.options
        without = tune(
            TuneRequest(
                doing.db,
                self.plan.name,
                options["concepts"],
                options["levels"],
                options["draws"],
                self.sae,
                options["protocol"],
                options["seed"],
                alone=True,
                arguments=self.declared(doing.digests),
            ),
            doing.say,
        )
        if without:
            doing.note(f"no latent stands for {', '.join(without)}")
