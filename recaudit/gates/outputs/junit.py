"""A gate as JUnit XML, as the Jenkins plug-in and GitLab read it. Numbers are properties, never ``time``."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from recaudit.gates.outcome import GateRun, Kind, Verdict
from recaudit.gates.outputs.words import details
from recaudit.text import printable

_ELEMENT = {
    Kind.FAIL: "failure",
    Kind.ERROR: "error",
    Kind.SKIPPED: "skipped",
    Kind.WAIVED: "skipped",
}
"""Everything else passes as far as JUnit knows; under --strict undecided is an error."""


def render(run: GateRun) -> str:
    """A suite a rule, with the run and the numbers as its properties: Jenkins' schema has no place for them in a case."""
    by_gate: dict[str, list[Verdict]] = {}
    for verdict in run.verdicts:
        by_gate.setdefault(verdict.gate, []).append(verdict)
    counts = _counts(run, run.verdicts)
    del counts["skipped"]
    suites = ET.Element("testsuites", {"name": "recaudit gate", **counts})
    for gate, verdicts in by_gate.items():
        attributes = {"name": _text(gate), **_counts(run, verdicts)}
        suite = ET.SubElement(suites, "testsuite", attributes)
        numbers = [row for verdict in verdicts for row in _numbers(verdict, alone=len(verdicts) == 1)]
        _properties(suite, [*_facts(run), *numbers])
        for verdict in verdicts:
            _case(run, suite, verdict)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _counts(run: GateRun, verdicts: Sequence[Verdict]) -> dict[str, str]:
    elements = [_element(run, verdict) for verdict in verdicts]
    counts = {"tests": len(verdicts)}
    counts |= {
        name: elements.count(element)
        for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    return {name: str(count) for name, count in counts.items()}


def _facts(run: GateRun) -> list[tuple[str, str]]:
    return [
        ("model", run.model),
        ("sha256", run.model_sha256),
        ("policy", run.policy),
        ("protocol", run.protocol),
        ("baseline", "none" if run.baseline is None else run.baseline.name),
        ("seed", str(run.seed)),
        ("outcome", run.outcome),
        ("recaudit", run.tool_version),
    ]


def _case(run: GateRun, suite: ET.Element, verdict: Verdict) -> None:
    title = f"{verdict.subject}: {verdict.threshold}"
    case = ET.SubElement(suite, "testcase", {"classname": _text(verdict.gate), "name": _text(title)})
    element = _element(run, verdict)
    if element:
        told = ET.SubElement(case, element, {"message": _text(verdict.said)})
        if element != "skipped":
            told.set("type", verdict.verdict.value)
            told.text = "\n".join(f"{name}: {_text(text)}" for name, text in details(verdict))
    elif verdict.verdict is not Kind.PASS:
        ET.SubElement(case, "system-out").text = f"{verdict.verdict}: {_text(verdict.said)}"


def _element(run: GateRun, verdict: Verdict) -> str | None:
    if run.strict and verdict.verdict is Kind.UNDECIDED:
        return "error"
    return _ELEMENT.get(verdict.verdict)


def _numbers(verdict: Verdict, *, alone: bool) -> list[tuple[str, str]]:
    named = {
        "verdict": verdict.verdict.value, "line": verdict.line, "value": verdict.value,
        "baseline_value": verdict.baseline_value, "judged": verdict.judged, "low": verdict.low,
        "high": verdict.high, "n": verdict.n, "q": verdict.q, "tested": verdict.tested,
    }  # fmt: skip
    of = "" if alone else f" of {verdict.subject}: {verdict.threshold}"
    return [(f"{name}{of}", str(value)) for name, value in named.items() if value is not None]


def _properties(parent: ET.Element, rows: list[tuple[str, str]]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in rows:
        ET.SubElement(properties, "property", {"name": _text(name), "value": _text(value)})


def _text(text: str) -> str:
    """XML has no place for most control characters, not even escaped."""
    return printable(text)
