"""The step that writes reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from recaudit.analyses.attribution import checked_rule
from recaudit.analyses.protocol import protocol_named
from recaudit.plan.keys import Declaration, Key, Kind, sae_key
from recaudit.plan.read import Plan, Section
from recaudit.plan.steps.base import Decision, Doing, Ground, Step, stored_model
from recaudit.report.build import context
from recaudit.report.files import RENDERERS, Files, Source, renderer, up_to_date, write
from recaudit.store import Audit, reading
from recaudit.store.read import Model
from recaudit.text import printable


@dataclass(frozen=True, eq=False)
class WriteReport(Step):
    """One for each file. Reports are views: a file is up to date when it says what would be written."""

    name: ClassVar[str] = "report"
    declares: ClassVar[Declaration] = Declaration(
        "report",
        "Reports: the options of `recaudit report`. Without `outputs` it goes to the terminal.",
        command="report",
        without=("output", "seed"),
        keys=(
            Key(
                "outputs", "outputs", Kind.TEXTS, (),
                f"Files to write, in the folder the command is given in, ending in {', '.join(RENDERERS)}.",
            ),
            Key("show", "show", Kind.SWITCH, False, "Show it on the terminal as well."),
            sae_key("The first dictionary by default."),
        ),
    )  # fmt: skip
    section: Section = field(kw_only=True)

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """One an output, after everything else."""
        found: list[Step] = []
        for section in plan.all("report"):
            for output in section.options["outputs"]:
                found.append(cls(plan, output, tuple(before), section=section))
        return found

    def check(self) -> None:
        with self.plan.at(self.section):
            renderer(Path(self.about))
            checked_rule(self.section.options["attribution"])
            protocol_named(self.section.options["protocol"] or self.plan.protocol)

    def settings(self) -> Mapping[str, Any]:
        return {}

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        return frozenset()

    def decide(self, ground: Ground) -> Decision:
        path = Path(self.about)
        if not path.is_file():
            return Decision(True, "no such file yet")
        if ground.forced:
            return Decision(True, "forced")
        if ground.audit is None or stored_model(ground.audit, self.plan.name) is None:
            return Decision(True, "nothing stored yet")
        upstream = next((need for need in self.needs if need in ground.redone), None)
        if upstream is not None:
            return Decision(True, f"after {upstream.title}")
        if not up_to_date(self._files(ground.audit)):
            return Decision(True, "it says something else")
        return Decision(False, "up to date: it says what is stored")

    def do(self, doing: Doing) -> None:
        with reading(doing.db) as audit:
            files = self._files(audit)
        write(files)
        doing.note(f"wrote {printable(self.about)}")

    def _files(self, audit: Audit) -> Files:
        path = Path(self.about)
        return renderer(path)(source_of(self.plan, self.section, audit), path)


def source_of(plan: Plan, section: Section, audit: Audit) -> Source:
    """What the reports that a section declares are drawn from."""
    options = section.options
    about = context(
        audit,
        plan.name,
        protocol=options["protocol"],
        rule=options["attribution"],
        sae_name=options["sae"] or plan.dictionaries[0],
        beside=options["beside"],
    )
    return Source(about, pictures=options["pictures"])
