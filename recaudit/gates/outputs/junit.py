"""A gate as JUnit XML, as the Jenkins plug-in and GitLab read it. Numbers are properties, never ``time``."""

from __future__ import annotations

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
    """One suite, a test case a verdict."""
    elements = [_element(run, verdict) for verdict in run.verdicts]
    counts = {
        "tests": len(run.verdicts),
        "failures": elements.count("failure"),
        "errors": elements.count("error"),
        "skipped": elements.count("skipped"),
    }
    attributes = {name: str(count) for name, count in counts.items()}
    suites = ET.Element("testsuites", {"name": "recaudit gate", **attributes})
    suite = ET.SubElement(suites, "testsuite", {"name": _text(f"{run.model} by {run.policy}"), **attributes})
    _properties(suite, [
        ("model", run.model), ("sha256", run.model_sha256), ("protocol", run.protocol),
        ("baseline", "none" if run.baseline is None else run.baseline.name), ("seed", str(run.seed)),
        ("outcome", run.outcome), ("recaudit", run.tool_version),
    ])  # fmt: skip
    for verdict, element in zip(run.verdicts, elements, strict=True):
        case = ET.SubElement(
            suite, "testcase",
            {"classname": _text(verdict.gate), "name": _text(f"{verdict.subject}: {verdict.threshold}")},
        )  # fmt: skip
        _properties(
            case, [("verdict", verdict.verdict.value), ("line", str(verdict.line)), *_numbers(verdict)]
        )
        if element:
            told = ET.SubElement(case, element, {"message": _text(verdict.said)})
            if element != "skipped":
                told.set("type", verdict.verdict.value)
                told.text = "\n".join(f"{name}: {_text(text)}" for name, text in details(verdict))
        elif verdict.verdict is not Kind.PASS:
            ET.SubElement(case, "system-out").text = f"{verdict.verdict}: {_text(verdict.said)}"
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _element(run: GateRun, verdict: Verdict) -> str | None:
    if run.strict and verdict.verdict is Kind.UNDECIDED:
        return "error"
    return _ELEMENT.get(verdict.verdict)


def _numbers(verdict: Verdict) -> list[tuple[str, str]]:
    named = {
        "value": verdict.value, "baseline_value": verdict.baseline_value, "judged": verdict.judged,
        "low": verdict.low, "high": verdict.high, "n": verdict.n, "q": verdict.q, "tested": verdict.tested,
    }  # fmt: skip
    return [(name, repr(value)) for name, value in named.items() if value is not None]


def _properties(parent: ET.Element, rows: list[tuple[str, str]]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in rows:
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})


def _text(text: str) -> str:
    """XML has no place for most control characters, not even escaped."""
    return printable(text)
