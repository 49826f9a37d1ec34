"""SARIF 2.1.0: results point at the policy's line, so that a pull request shows them beside the rule.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from recaudit import __version__
from recaudit.gates.outcome import GateRun, Kind, Verdict
from recaudit.gates.outputs.words import details
from recaudit.text import printable

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Kind.FAIL: ("fail", "error"),
    Kind.ERROR: ("fail", "error"),
    Kind.WARN: ("fail", "warning"),
    Kind.UNDECIDED: ("fail", "note"),
    Kind.SKIPPED: ("notApplicable", "none"),
    Kind.WAIVED: ("fail", "error"),
    Kind.PASS: ("pass", "none"),
}
"""SARIF's kind and level: a level other than none needs the kind ``fail``."""


@dataclass(frozen=True)
class Result:
    """One result: a rule, a sentence, a place."""

    rule: str
    kind: str
    level: str
    message: str
    file: str
    line: int | None = None
    suppressed: str | None = None
    """Why it does not count."""
    properties: dict[str, Any] = field(default_factory=dict)


def render(run: GateRun) -> str:
    """A gate: one result a verdict."""
    rules = {verdict.gate: verdict.why for verdict in run.verdicts}
    return document(
        [_result(run, verdict) for verdict in run.verdicts], rules, success=run.exit_code in (0, 1)
    )


def document(results: Sequence[Result], rules: dict[str, str], *, success: bool) -> str:
    """A SARIF log of one run.

    Args:
        rules: name to what it is for.
        success: whether everything that was asked could be checked.
    """
    places = {name: place for place, name in enumerate(rules)}
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "recaudit",
                        "semanticVersion": __version__,
                        "rules": [_rule(name, why) for name, why in rules.items()],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": success}],
                "results": [_entry(result, places[result.rule]) for result in results],
            }
        ],
    }
    return json.dumps(log, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _result(run: GateRun, verdict: Verdict) -> Result:
    kind, level = _LEVELS[verdict.verdict]
    told = [f"{verdict.subject} {verdict.threshold}: {verdict.verdict}. {verdict.said}."]
    told += [f"{name}: {text}" for name, text in details(verdict) if name != "asked"]
    numbers = {
        "verdict": verdict.verdict.value, "value": verdict.value, "baseline": verdict.baseline_value,
        "judged": verdict.judged, "low": verdict.low, "high": verdict.high, "n": verdict.n, "q": verdict.q,
    }  # fmt: skip
    return Result(
        verdict.gate,
        kind,
        level,
        "\n".join(told),
        run.policy,
        verdict.line,
        verdict.said if verdict.verdict is Kind.WAIVED else None,
        {name: value for name, value in numbers.items() if value is not None},
    )


def _rule(name: str, why: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": printable(name)}
    if why:
        rule["shortDescription"] = {"text": printable(why)}
    return rule


def _entry(result: Result, place: int) -> dict[str, Any]:
    where: dict[str, Any] = {"artifactLocation": {"uri": quote(result.file)}}
    if result.line is not None:
        where["region"] = {"startLine": result.line}
    entry: dict[str, Any] = {
        "ruleId": printable(result.rule),
        "ruleIndex": place,
        "kind": result.kind,
        "level": result.level,
        "message": {"text": "\n".join(printable(line) for line in result.message.splitlines())},
        "locations": [{"physicalLocation": where}],
    }
    if result.suppressed is not None:
        entry["suppressions"] = [{"kind": "external", "justification": printable(result.suppressed)}]
    if result.properties:
        entry["properties"] = result.properties
    return entry
