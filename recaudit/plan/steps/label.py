"""The step that names latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from recaudit.errors import UsageError
from recaudit.plan.keys import Declaration, sae_key
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.analyse import analyses
from recaudit.plan.steps.base import Doing, Step, stored_sae
from recaudit.store import Audit, steps
from recaudit.store.read import Model

_HOW = ("host", "timeout", "workers")
"""How a language model is asked, which decides no answer."""


@dataclass(frozen=True, eq=False)
class Label(Step):
    """One for each dictionary that a [[label]] is about: all, unless it names one."""

    name: ClassVar[str] = "label"
    declares: ClassVar[Declaration] = Declaration(
        "label",
        "Names for latents: the options of `recaudit label`.",
        command="label",
        without=("latent",),
        keys=(sae_key("All dictionaries by default."),),
    )
    section: Section = field(kw_only=True)
    sae: str | None = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """Each after the analysis of its dictionary."""
        analysed = analyses(plan, before)
        found: dict[str, Step] = {}
        for section in plan.all("label"):
            chosen, options = section.options["sae"], section.options
            for sae in plan.dictionaries if chosen is None else (chosen,):
                about = (
                    f"{sae or 'the newest dictionary'}, {options['labeller']}, protocol {options['protocol']}"
                )
                found[about] = cls(plan, about, (analysed[sae],), section=section, sae=sae)
        return list(found.values())

    def settings(self) -> Mapping[str, Any]:
        settings = self.section.settings
        return {key: value for key, value in settings.items() if key not in (*_HOW, "sae")}

    def check(self) -> None:
        from recaudit.labels.run import check_labeller
        from recaudit.labels.settings import settings_named

        with self.plan.at(self.section):
            check_labeller(self.section.options["labeller"])
            settings_named(self.section.options["protocol"])

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        sae = stored_sae(audit, model, self.sae)
        if sae is None:
            return frozenset()
        options = self.section.options
        return steps.made_labels(audit, sae, options["labeller"], options["protocol"])

    def do(self, doing: Doing) -> None:
        from recaudit.labels.run import CONTROLS, LabelRequest, label_latents

        options = {
            key: value for key, value in self.section.options.items() if key not in ("sae", "controls")
        }
        request = LabelRequest(
            db=doing.db,
            model=self.plan.name,
            sae=self.sae,
            controls=CONTROLS if self.section.options["controls"] else (),
            arguments=self.declared(doing.digests),
            **options,
        )
        done = label_latents(
            request, doing.say, lambda answered, of: doing.say(f"asking: {answered:,} of {of:,}")
        )
        if not done.verdicts:
            raise UsageError("no latent was named", fix="train a dictionary with more latents")
        named = sum(one.status == "verified" for one in done.verdicts)
        doing.note(f"{named:,} of {len(done.verdicts):,} latents have a name that beats other latents' names")
