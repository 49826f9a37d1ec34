"""Numbers and sentences that every output says alike."""

from __future__ import annotations

from recaudit.gates.outcome import Kind, Verdict

WORST_FIRST = (Kind.FAIL, Kind.ERROR, Kind.WARN, Kind.UNDECIDED, Kind.WAIVED, Kind.SKIPPED, Kind.PASS)


def worst_first(verdicts: tuple[Verdict, ...]) -> list[Verdict]:
    """By kind, then in the order of the policy."""
    return sorted(verdicts, key=lambda verdict: WORST_FIRST.index(verdict.verdict))


def number(value: float | None) -> str:
    """Four significant digits; a dash for none."""
    return (
        "–"
        if value is None
        else f"{value:,.0f}"
        if value == int(value) and abs(value) >= 1000
        else f"{value:.4g}"
    )


def interval(verdict: Verdict) -> str:
    """95 % interval of what was judged, or nothing."""
    if verdict.low is None or verdict.high is None:
        return ""
    return f"[{number(verdict.low)}, {number(verdict.high)}]"


def rests_on(verdict: Verdict) -> str:
    """What it rests on, or nothing."""
    return "" if verdict.n is None else f"{verdict.n:,} {verdict.unit}"


def details(verdict: Verdict) -> list[tuple[str, str]]:
    """Everything a verdict carries, as names and texts; empty ones left out."""
    rows = [
        ("asked", verdict.threshold),
        ("value", "" if verdict.value is None else number(verdict.value)),
        ("baseline", "" if verdict.baseline_value is None else number(verdict.baseline_value)),
        (
            "judged",
            "" if verdict.judged is None else f"{number(verdict.judged)} {interval(verdict)}".rstrip(),
        ),
        ("rests on", rests_on(verdict)),
        (
            "q",
            "" if verdict.q is None else f"{verdict.q:.2g} of {verdict.tested} checks (Benjamini-Hochberg)",
        ),
        ("computed", verdict.how),
        ("why", verdict.why),
        ("offenders", verdict.evidence),
    ]
    return [(name, text) for name, text in rows if text]
