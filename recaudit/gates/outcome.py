"""Verdicts, and the exit code that follows from all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from recaudit.errors import ExitCode


class Kind(StrEnum):
    """What may become of a rule."""

    FAIL = "fail"
    ERROR = "error"
    WARN = "warn"
    UNDECIDED = "undecided"
    SKIPPED = "skipped"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105 - no password


MARKS = {
    Kind.FAIL: "✗",
    Kind.ERROR: "✗",
    Kind.WARN: "!",
    Kind.UNDECIDED: "?",
    Kind.SKIPPED: "–",
    Kind.WAIVED: "~",
    Kind.PASS: "✓",
}
"""Read without colour too."""


@dataclass(frozen=True)
class Verdict:
    """What became of a rule on one subject; every number that led to it. See the table ``verdicts``."""

    gate: str
    subject: str
    verdict: Kind
    threshold: str
    said: str
    how: str
    why: str
    line: int
    evidence: str
    value: float | None = None
    baseline_value: float | None = None
    judged: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    unit: str | None = None
    q: float | None = None
    tested: int | None = None
    optional: bool = False
    waived_from: Kind | None = None
    """What it would be without its waiver."""


@dataclass(frozen=True)
class BaselineFacts:
    """Which baseline, and who answers for it."""

    name: str
    model: str
    sha256: str
    author: str | None
    reason: str | None
    blessed: str | None
    about: str
    """Whom the comparison is over."""


@dataclass(frozen=True)
class GateRun:
    """A policy checked on a model. ``schema_version`` 1."""

    schema_version: int
    tool_version: str
    policy: str
    policy_sha256: str
    about: str
    model: str
    model_sha256: str
    dictionary: str | None
    protocol: str
    baseline: BaselineFacts | None
    seed: int
    strict: bool
    outcome: str
    exit_code: int
    counts: dict[str, int]
    verdicts: tuple[Verdict, ...]


def counted(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many there are of each kind, all kinds named."""
    found = Counter(one.verdict for one in verdicts)
    return {kind.value: found[kind] for kind in Kind}


def concluded(verdicts: Sequence[Verdict], *, strict: bool) -> tuple[ExitCode, str]:
    """Exit code, and the outcome in a sentence.

    A broken rule outweighs everything: errors beside it are shown, and never hide it. Then an error; then, under
    ``strict``, what is undecided or was skipped although not optional. Nothing checked is no pass.
    """
    found = counted(verdicts)
    if found["fail"]:
        return ExitCode.GATE_FAILED, f"failed: {found['fail']} of {len(verdicts)} checks"
    if found["error"]:
        return ExitCode.NO_VERDICT, f"no verdict: {found['error']} checks could not be made"
    open_ = [
        v for v in verdicts if v.verdict is Kind.UNDECIDED or (v.verdict is Kind.SKIPPED and not v.optional)
    ]
    if strict and open_:
        return (
            ExitCode.NO_VERDICT,
            f"no verdict: {len(open_)} checks are undecided or were skipped (--strict)",
        )
    checked = [v for v in verdicts if v.verdict is not Kind.SKIPPED and v.waived_from is not Kind.ERROR]
    if not checked:
        return ExitCode.NO_VERDICT, "no verdict: nothing was checked"
    rest = ", ".join(
        f"{found[kind]} {kind}" for kind in ("warn", "undecided", "skipped", "waived") if found[kind]
    )
    return ExitCode.OK, f"passed: {found['pass']} of {len(verdicts)} checks" + (f" ({rest})" if rest else "")
