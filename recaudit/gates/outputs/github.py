"""Annotations of GitHub Actions: it shows ten of a kind a step and drops the rest, so the worst come first."""

from __future__ import annotations

from collections.abc import Iterator

from recaudit.gates.outcome import GateRun, Kind, Verdict
from recaudit.text import printable

MOST = 10
_COMMANDS = {
    Kind.FAIL: "error",
    Kind.ERROR: "error",
    Kind.WARN: "warning",
    Kind.UNDECIDED: "notice",
    Kind.WAIVED: "notice",
}


def workflow_commands(run: GateRun) -> list[str]:
    """Workflow commands, one a line; where a kind has more than ``MOST`` its last says how many more."""
    return [line for command in ("error", "warning", "notice") for line in _of(run, command)]


def _of(run: GateRun, command: str) -> Iterator[str]:
    found = [
        one for kind in Kind for one in run.verdicts if one.verdict is kind and _COMMANDS.get(kind) == command
    ]
    shown = found if len(found) <= MOST else found[: MOST - 1]
    for verdict in shown:
        yield _line(run, command, verdict)
    if len(shown) < len(found):
        yield f"::{command} title=recaudit::and {len(found) - len(shown)} more; all are in the summary"


def _line(run: GateRun, command: str, verdict: Verdict) -> str:
    title = f"{verdict.gate}: {verdict.verdict}"
    place = f"file={_property(run.policy)},line={verdict.line},title={_property(title)}"
    why = f" {verdict.why}" if verdict.why else ""
    return f"::{command} {place}::{_message(f'{verdict.subject} {verdict.threshold}: {verdict.said}.{why}')}"


def _message(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
