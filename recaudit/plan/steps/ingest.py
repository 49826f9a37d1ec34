"""The step that brings checkpoint and data into the audit file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from recaudit.errors import UsageError
from recaudit.plan.keys import Declaration, Key, Kind
from recaudit.plan.read import MODEL, Plan
from recaudit.plan.steps.base import Decision, Doing, Ground, Step, paths_of, stored_model
from recaudit.store import Audit, read, steps
from recaudit.store.read import Model
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.ingest.run import IngestRequest


@dataclass(frozen=True, eq=False)
class Ingest(Step):
    """Redone, it takes away everything that hangs on the model: work of people is never lost unasked."""

    name: ClassVar[str] = "ingest"
    declares: ClassVar[Declaration] = Declaration(
        MODEL,
        "The recommender and its data: the options of `recaudit ingest`. `name` is by default the file's.",
        command="ingest",
        without=("replace",),
        keys=(Key("checkpoint", "checkpoint", Kind.FILE, about="The trained recommender."),),
        required=("checkpoint", "data"),
        many=False,
    )

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """The one of a plan."""
        return [cls(plan, plan.name)]

    def settings(self) -> Mapping[str, Any]:
        return {key: value for key, value in self.plan.model.settings.items() if key != "name"}

    def files(self) -> Mapping[str, Path]:
        found = paths_of(self.plan.model)
        module = str(self.plan.model.options["adapter"] or "").partition(":")[0]
        code = Path(*module.split(".")).with_suffix(".py") if module else None
        return {**found, "adapter": code} if code is not None and code.is_file() else found

    def check(self) -> None:
        self.request(Path())

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        return steps.made_model(audit, model)

    def decide(self, ground: Ground) -> Decision:
        decision = super().decide(ground)
        if decision.again and not ground.forced and ground.audit is not None:
            self._check_own(ground.audit, decision)
        return decision

    def _check_own(self, audit: Audit, decision: Decision) -> None:
        model = stored_model(audit, self.plan.name)
        assert model is not None
        where = f"model {printable(model.name)} of {printable(audit.path)}"
        newest = self.newest(audit)
        if newest is None or self.made_by(audit, model) != {newest.run_id}:
            raise UsageError(
                f"{where} was ingested by another command, and would be written over",
                fix="give another file with --db FILE, another name in [model], or --force ingest",
            )
        trained = [
            sae.name
            for sae in read.saes(audit, model.model_id)
            if sae.training is not None and not _is_declared(audit, steps.made_sae(audit, sae))
        ]
        by_people = steps.work_of_people(audit, model)
        if trained or by_people:
            lost = [f"dictionary {printable(name)}" for name in trained]
            lost += [f"{by_people:,} names or ratings by hand"] if by_people else []
            raise UsageError(
                f"{where} must be ingested again ({decision.why}), and with it would go: {', '.join(lost)}",
                fix="save names with `recaudit labels --export FILE`, or keep this audit file and give another with "
                "--db FILE; --force ingest lets them go",
            )

    def request(self, db: Path) -> IngestRequest:
        """What is ingested. Needs located files.

        Raises:
            UsageError: a setting that cannot be.
        """
        from recaudit.ingest.options import request_from

        section = self.plan.model
        with self.plan.at(section):
            options = {**section.options, "replace": False}
            return request_from(Path(options["checkpoint"]), Path(options["data"]), db, options)

    def do(self, doing: Doing) -> None:
        from recaudit.ingest import ingest

        asked = self.request(doing.db)
        arguments = {**asked.arguments, **self.declared(doing.digests)}
        done = ingest(replace(asked, replace=doing.again, arguments=arguments), doing.say)
        doing.note(f"{done.n_cases:,} cases from {printable(done.data_summary)}")
        for receipt in done.receipts:
            doing.note(f"scan of {printable(receipt.file)} ({receipt.format}): {receipt.verdict}")
        for said in done.notes:
            doing.note(f"note: {said}")
        for doubt in done.doubts:
            doing.note(f"warning: {doubt}")


def _is_declared(audit: Audit, run_ids: frozenset[str]) -> bool:
    return any(run.declared for run in steps.runs(audit, run_ids))
