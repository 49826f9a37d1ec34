"""The step of popularity and group bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from recaudit.plan.keys import Declaration
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.base import Doing, Step, called, paths_of, stored_sae
from recaudit.store import Audit, steps
from recaudit.store.read import Model


@dataclass(frozen=True, eq=False)
class Bias(Step):
    """One for each dictionary, or for the one that the section names."""

    name: ClassVar[str] = "bias"
    declares: ClassVar[Declaration] = Declaration(
        "bias",
        "Popularity and group bias: the options of `recaudit bias`.",
        command="bias",
        without=("contrast", "again", "popsteer"),
        many=False,
    )
    section: Section = field(kw_only=True)
    sae: str | None = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """After the analyses, whose lists it looks at."""
        needs = called("analyse", before)
        found: list[Step] = []
        for section in plan.all("bias"):
            chosen = section.options["sae"]
            for sae in plan.dictionaries if chosen is None else (chosen,):
                found.append(cls(plan, sae or "the model", needs, section=section, sae=sae))
        return found

    def settings(self) -> Mapping[str, Any]:
        return {name: self.section.options[name] for name in ("synthetic", "seed")}

    def files(self) -> Mapping[str, Path]:
        return paths_of(self.section)

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        return steps.made_bias(audit, model, stored_sae(audit, model, self.sae))

    def do(self, doing: Doing) -> None:
        from recaudit.analyses.bias.command import Request, ensure

        options = self.section.options
        request = Request(
            doing.db,
            self.plan.name,
            sae=self.sae,
            groups=options["groups"],
            checkpoint=options["checkpoint"],
            synthetic=options["synthetic"],
            again=True,
            seed=options["seed"],
            arguments=self.declared(doing.digests),
        )
        ensure(request, doing.say)
