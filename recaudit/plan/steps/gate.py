"""The step that judges: rules in the audit's own TOML. It comes last, so that a report of a failed model is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from recaudit.errors import ExitCode, GateFailed, NoVerdictError
from recaudit.gates import GateRun, check, read_policy
from recaudit.gates.baseline import find
from recaudit.gates.candidate import candidate
from recaudit.gates.keeping import keep_verdicts, write_whole
from recaudit.gates.outcome import Kind
from recaudit.gates.outputs import RENDERERS, renderer
from recaudit.gates.policy import GATE_KEYS, WAIVER_KEYS
from recaudit.plan.keys import Declaration, Key, sae_key, seed_key
from recaudit.plan.keys import Kind as KeyKind
from recaudit.plan.read import Plan
from recaudit.plan.steps.base import Decision, Doing, Ground, Step
from recaudit.store import Audit, read, reading
from recaudit.store.read import Model
from recaudit.text import printable

_RULE = {
    "name": "Stable: JUnit, SARIF and waivers know the rule by it.",
    "metric": "A number of `recaudit metrics`.",
    "min": "The least it may be.",
    "max": "The most it may be.",
    "max_drop": 'How far it may fall from the baseline: a number, or a share such as `"2%"`.',
    "max_rise": "How far it may rise from it.",
    "within": "How far it may go from it either way.",
    "why": "The reason, for who is stopped by the rule.",
}
_WAIVED = {
    "gate": "Name of the rule.",
    "reason": "Why it does not count for now.",
    "owner": "Who answers for it.",
    "until": "Last day on which it holds.",
}


class _OnlyDeclares(Step):
    """A section that belongs to the step below."""

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        return []

    def settings(self) -> Mapping[str, Any]:
        return {}

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        return frozenset()

    def do(self, doing: Doing) -> None:
        raise NotImplementedError


class Gates(_OnlyDeclares):
    """With what, and how strictly, rules are judged."""

    name: ClassVar[str] = "gate"
    declares: ClassVar[Declaration] = Declaration(
        "gates",
        "How the rules of [[gate]] are judged: the options of `recaudit gate`.",
        keys=(
            Key("baseline", "baseline", KeyKind.TEXT, None, "A blessed baseline, a model, FILE.json, or AUDIT.duckdb:MODEL."),
            Key("outputs", "outputs", KeyKind.TEXTS, (), f"Files to write, ending in {', '.join(RENDERERS)}."),
            Key("strict", "strict", KeyKind.SWITCH, False, "What is undecided or skipped leaves no verdict."),
            sae_key("The first dictionary by default."),
            seed_key(),
        ),
        many=False,
    )  # fmt: skip


class Waivers(_OnlyDeclares):
    """Rules that do not count for now."""

    name: ClassVar[str] = "gate"
    declares: ClassVar[Declaration] = Declaration(
        "waiver",
        "A rule of [[gate]] that does not count until a day.",
        keys=tuple(Key(name, name, KeyKind.ANY, None, _WAIVED[name]) for name in WAIVER_KEYS),
        required=WAIVER_KEYS,
    )


@dataclass(frozen=True, eq=False)
class Gate(Step):
    """All rules at once: those of a family are corrected together. Judged in every run, since a pass that is not
    looked at again is none."""

    name: ClassVar[str] = "gate"
    declares: ClassVar[Declaration] = Declaration(
        "gate",
        "A rule that the model must clear, as in the policies of `recaudit gate`.",
        keys=tuple(
            Key(name, name, KeyKind.ANY, None, _RULE.get(name, "See docs/ci.md.")) for name in GATE_KEYS
        ),
        required=("name",),
    )

    @classmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> list[Step]:
        """One, where there is any rule."""
        count = len(plan.all("gate"))
        return [cls(plan, f"{count} rules")] if count else []

    def check(self) -> None:
        read_policy(self.plan.path)
        for output in self._options["outputs"]:
            renderer(Path(output))

    @property
    def _options(self) -> Mapping[str, Any]:
        declared = self.plan.all("gates")
        if declared:
            return declared[0].options
        return {key.option: key.default for key in Gates.declares.keys}

    def settings(self) -> Mapping[str, Any]:
        return {}

    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        return frozenset()

    def decide(self, ground: Ground) -> Decision:
        return Decision(True, "judged every time")

    def do(self, doing: Doing) -> None:
        run = self._judged(doing.db)
        for output in self._options["outputs"]:
            write_whole(Path(output), renderer(Path(output))(run))
            doing.note(f"wrote {printable(output)}")
        keep_verdicts(doing.db, run)
        for verdict in run.verdicts:
            if verdict.verdict is not Kind.PASS:
                doing.note(f"{verdict.verdict} {printable(verdict.gate)}: {printable(verdict.said)}")
        if run.exit_code == ExitCode.GATE_FAILED:
            raise GateFailed(
                run.outcome, fix='`recaudit sql "FROM verdicts"` has every number and its offenders'
            )
        if run.exit_code != ExitCode.OK:
            raise NoVerdictError(run.outcome, fix="store what is missing, or mark the rule optional")
        doing.note(run.outcome)

    def _judged(self, db: Path) -> GateRun:
        options = self._options
        with reading(db) as audit:
            model = read.model_named(audit, self.plan.name)
            sae = read.find_sae(audit, model, options["sae"] or self.plan.dictionaries[0])
            judged = candidate(audit, model, sae)
            beside = None if options["baseline"] is None else find(audit, options["baseline"], options["sae"])
        return check(
            read_policy(self.plan.path), judged, beside,
            today=date.today(), seed=options["seed"], strict=options["strict"],
        )  # fmt: skip
