"""The step of the report's analyses: ranking, fidelity, health, findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from recaudit import __version__
from recaudit.plan.keys import Declaration, seed_key
from recaudit.plan.read import Plan
from recaudit.plan.steps.base import Doing, Step, called, stored_model, stored_sae
from recaudit.store import Audit, reading, steps
from recaudit.store.read import Model


@dataclass(frozen=True, eq=False)
class Analyse(Step):
    """One for each dictionary and protocol; what is about the model alone is done with the first."""

    name: ClassVar[str] = "analyse"
    declares: ClassVar[Declaration] = Declaration(
        "analyse", "Ranking, fidelity and health, which are always done.", keys=(seed_key(),), many=False
    )
    # Without held-out interactions there are lists, but no number.
    may_be_empty: ClassVar[bool] = True
    sae: str | None = field(kw_only=True)
    protocol: str = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """For all dictionaries under the model's protocol, and for those that reports want under others."""
        wanted = [(sae, plan.protocol) for sae in plan.dictionaries]
        for section in plan.all("report"):
            sae = section.options["sae"] or plan.dictionaries[0]
            wanted.append((sae, section.options["protocol"] or plan.protocol))
        return [
            cls(
                plan,
                f"{sae or 'the model'}, {protocol}",
                (*called("ingest", before), *(step for step in called("train", before) if step.about == sae)),
                sae=sae,
                protocol=protocol,
            )
            for sae, protocol in dict.fromkeys(wanted)
        ]

    @property
    def seed(self) -> int:
        """Of the bootstrap and of samples."""
        return next((int(section.options["seed"]) for section in self.plan.all("analyse")), 0)

    def settings(self) -> Mapping[str, Any]:
        return {"protocol": self.protocol, "seed": self.seed}

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        return steps.made_metrics(audit, model, stored_sae(audit, model, self.sae), self.protocol)

    def do(self, doing: Doing) -> None:
        from recaudit.analyses.audit import analyse

        doing.say("ranking, fidelity, health")
        analyse(
            doing.db,
            self.plan.name,
            self.protocol,
            sae=self.sae,
            seed=self.seed,
            again=doing.again or self._ranking_is_of_others(doing),
            arguments=self.declared(doing.digests),
        )

    def _ranking_is_of_others(self, doing: Doing) -> bool:
        """Whether the stored ranking of the model was made with another seed, version or command."""
        with reading(doing.db) as audit:
            model = stored_model(audit, self.plan.name)
            assert model is not None
            made_by = steps.runs(audit, steps.made_metrics(audit, model, None, self.protocol))
        return any(
            run.declared.get("settings") != dict(self.settings()) or run.tool_version != __version__
            for run in made_by
        )


def analyses(plan: Plan, before: Sequence[Step]) -> dict[str | None, Step]:
    """Dictionary to the step that analyses it under the model's own protocol."""
    return {step.sae: step for step in before if isinstance(step, Analyse) and step.protocol == plan.protocol}
