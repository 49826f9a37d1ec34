"""The step that searches for the cheapest edit against a bias."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from recaudit.plan.keys import Declaration, Key, Kind, sae_key
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.base import Doing, Step, called
from recaudit.store import Audit, steps
from recaudit.store.read import Model


def _share(text: str) -> float:
    from recaudit.interventions.words import share

    try:
        return share(text)
    except ValueError:
        raise ValueError('a share from 0 to 1, or a percentage as in "1%"') from None


@dataclass(frozen=True, eq=False)
class Debias(Step):
    """One a [[debias]]."""

    name: ClassVar[str] = "debias"
    declares: ClassVar[Declaration] = Declaration(
        "debias",
        "A search for the cheapest edit: the options of `recaudit debias`. `save` is what the edit is called.",
        command="debias",
        without=("front", "output"),
        keys=(
            sae_key("The first dictionary by default."),
            Key(
                "max-loss", "max_loss", Kind.TEXT, 0.01, 'NDCG@10 that may be lost, as 0.01 or "1%".', _share
            ),
        ),
        required=("save",),
    )
    section: Section = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """After the dictionaries."""
        needs = (*called("ingest", before), *called("train", before))
        return [
            cls(plan, f"{section.options['name']}, {section.options['save']}", needs, section=section)
            for section in plan.all("debias")
        ]

    def settings(self) -> Mapping[str, Any]:
        return self.section.settings

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        options = self.section.options
        return steps.made_search(audit, model, options["name"], options["save"])

    def do(self, doing: Doing) -> None:
        from recaudit.interventions.debias import Request, debias
        from recaudit.interventions.sentences import found_in_words

        options = self.section.options
        _, found = debias(
            Request(
                doing.db,
                self.plan.name,
                options["name"],
                options["max_loss"],
                options["more"],
                options["sae"] or self.plan.dictionaries[0],
                options["protocol"],
                options["seed"],
                options["save"],
                self.declared(doing.digests),
            ),
            doing.say,
            lambda done, total: doing.say(f"searching: {done:,} of {total:,}"),
        )
        for sentence in found_in_words(found):
            doing.note(sentence)
