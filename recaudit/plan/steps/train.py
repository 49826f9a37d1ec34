"""The step that trains a dictionary; one for each that is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from recaudit.errors import UsageError
from recaudit.plan.keys import Declaration
from recaudit.plan.read import DICTIONARY, Plan, Section
from recaudit.plan.steps.base import Decision, Doing, Ground, Step, called, stored_model, stored_sae
from recaudit.store import Audit, steps
from recaudit.store.read import Model
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.sae.training import Settings


@dataclass(frozen=True, eq=False)
class Train(Step):
    """Device and threads do not decide whether a dictionary is trained again; everything else does."""

    name: ClassVar[str] = "train"
    declares: ClassVar[Declaration] = Declaration(
        DICTIONARY,
        "A sparse autoencoder to train: the options of `recaudit train`. The first is the one reports are about.",
        command="train",
        without=("replace",),
        required=("name",),
    )
    section: Section = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """One a [[dictionary]]."""
        ingest = called("ingest", before)
        return [
            cls(plan, str(section.options["name"]), ingest, section=section)
            for section in plan.all(DICTIONARY)
        ]

    def training(self) -> Settings:
        """Raises:
        UsageError: a setting that cannot be.
        """
        from recaudit.dictionaries.options import settings_from

        with self.plan.at(self.section):
            return settings_from(self.section.options)

    def settings(self) -> Mapping[str, Any]:
        return asdict(self.training())

    def check(self) -> None:
        self.training()

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        sae = stored_sae(audit, model, self.about)
        return frozenset() if sae is None else steps.made_sae(audit, sae)

    def decide(self, ground: Ground) -> Decision:
        decision = super().decide(ground)
        untouched = ground.audit is not None and not any(need in ground.redone for need in self.needs)
        if decision.again and untouched and not ground.forced:
            self._check_own(ground.audit, decision)
        return decision

    def _check_own(self, audit: Audit | None, decision: Decision) -> None:
        assert audit is not None
        model = stored_model(audit, self.plan.name)
        assert model is not None
        sae = stored_sae(audit, model, self.about)
        assert sae is not None
        newest = self.newest(audit)
        if newest is None or steps.made_sae(audit, sae) != {newest.run_id}:
            raise UsageError(
                f"dictionary {printable(sae.name)} of model {printable(model.name)} was made by another command, and "
                "would be written over",
                fix="give it another name in [[dictionary]], another file with --db FILE, or --force train",
            )
        by_people = steps.work_of_people(audit, model, sae)
        if by_people:
            raise UsageError(
                f"dictionary {printable(sae.name)} must be trained again ({decision.why}), and with it would go "
                f"{by_people:,} names or ratings by hand",
                fix="save names with `recaudit labels --export FILE`, or give another file with --db FILE; "
                "--force train lets them go",
            )

    def do(self, doing: Doing) -> None:
        from recaudit.dictionaries.train import TrainRequest, train_dictionary
        from recaudit.sae.training.record import Look
        from recaudit.sae.training.state import device_named

        options = self.section.options
        request = TrainRequest(
            db=doing.db,
            settings=self.training(),
            model=self.plan.name,
            name=self.about,
            replace=doing.again,
            device=device_named(options["device"]),
            threads=options["threads"],
            arguments={"model": self.plan.name, "name": self.about, **self.declared(doing.digests)},
        )

        def look(found: Look, limit: int) -> None:
            doing.say(
                f"step {found.step:,} of {limit:,} · explained {found.explained_variance:.3f} · L0 {found.l0:.1f} · "
                f"first ten kept {found.overlap:.0%}"
            )

        _, trained = train_dictionary(request, doing.say, look)
        best = trained.best
        doing.note(
            f"{len(trained.spec.encoder):,} latents, {best.l0:.1f} active; explains {best.explained_variance:.3f} of "
            f"the variance of held-out rows and keeps {best.overlap:.0%} of the first ten recommendations"
        )
