"""The step that brings items to an audience."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from recaudit.plan.keys import Declaration, Key, Kind, sae_key
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.base import Doing, Step, called, stored_sae
from recaudit.store import Audit, steps
from recaudit.store.read import Model

_LEVELS = "0,0.25,0.5,0.75,1,1.5,2"
_SELECTED_BY = ("concepts", "bias", "label")
"""Steps whose results latents may be chosen by."""


@dataclass(frozen=True, eq=False)
class Promote(Step):
    """One a [[promotion]]."""

    name: ClassVar[str] = "promote"
    declares: ClassVar[Declaration] = Declaration(
        "promotion",
        "Items whose latents are set to levels, and whose lists they enter: the options of `recaudit promote`.",
        command="promote",
        keys=(
            sae_key("The first dictionary by default."),
            Key(
                "levels",
                "levels",
                Kind.TEXT,
                _LEVELS,
                "Shares of each latent's highest activation of any item.",
            ),
        ),
        required=("item", "latents"),
    )
    section: Section = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """After everything that latents can be chosen by."""
        needs = [*called("ingest", before), *called("train", before)]
        needs += [step for name in _SELECTED_BY for step in called(name, before)]
        return [
            cls(
                plan,
                f"{', '.join(section.options['items'])} to {section.options['audience']}",
                tuple(needs),
                section=section,
            )
            for section in plan.all("promotion")
        ]

    @property
    def _sae(self) -> str | None:
        chosen = self.section.options["sae"]
        return self.plan.dictionaries[0] if chosen is None else str(chosen)

    def levels(self) -> tuple[float, ...]:
        """Raises:
        UsageError: something else than numbers.
        """
        from recaudit.interventions.words import numbers

        with self.plan.at(self.section):
            return numbers(self.section.options["levels"])

    def check(self) -> None:
        self.levels()

    def settings(self) -> Mapping[str, Any]:
        return self.section.settings

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        sae, options = stored_sae(audit, model, self._sae), self.section.options
        if sae is None:
            return frozenset()
        return steps.made_promotions(audit, model, sae, options["items"], options["audience"])

    def do(self, doing: Doing) -> None:
        from recaudit.interventions.tune import PromoteRequest, promote

        options = self.section.options
        promote(
            PromoteRequest(
                doing.db,
                self.plan.name,
                options["items"],
                options["latents"],
                options["audience"],
                self.levels(),
                options["draws"],
                self._sae,
                options["protocol"],
                options["seed"],
                self.declared(doing.digests),
            ),
            doing.say,
        )
