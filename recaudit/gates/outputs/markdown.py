"""A gate as Markdown, for a step summary or a pull request: the outcome first, what passed folded away."""

from __future__ import annotations

from collections.abc import Iterator

from recaudit.gates.outcome import MARKS, GateRun, Kind, Verdict
from recaudit.gates.outputs.words import interval, number, rests_on, worst_first
from recaudit.report.markdown import escaped, table_lines
from recaudit.text import printable

_COLUMNS = ["", "gate", "what", "asked", "value", "baseline", "judged", "on"]


def render(run: GateRun) -> str:
    """GitHub-flavoured Markdown, ending in a newline."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: GateRun) -> Iterator[str]:
    verdicts = worst_first(run.verdicts)
    telling = [one for one in verdicts if one.verdict not in (Kind.PASS, Kind.SKIPPED)]
    quiet = [one for one in verdicts if one.verdict in (Kind.PASS, Kind.SKIPPED)]
    yield f"## {'✓' if run.exit_code == 0 else '✗'} {escaped(run.model)}: {escaped(run.outcome)}"
    yield ""
    compared = "no baseline"
    if run.baseline is not None:
        compared = f"baseline {escaped(run.baseline.name)} (`{run.baseline.sha256[:12]}`), {escaped(run.baseline.about)}"
    yield f"Policy {escaped(run.policy)}; model `{run.model_sha256[:12]}`, protocol {escaped(run.protocol)}; {compared}."
    if telling:
        yield from ("", *table_lines(_COLUMNS, [_cells(one) for one in telling]), "")
        for one in telling:
            why = f" *{escaped(one.why)}*" if one.why else ""
            yield f"- **{escaped(one.gate)}** ({one.verdict}, line {one.line}): {escaped(one.said)}.{why}"
    if quiet:
        yield from ("", f"<details><summary>{len(quiet)} passed or skipped</summary>", "")
        yield from table_lines(_COLUMNS, [_cells(one) for one in quiet])
        yield from ("", "</details>")
    evidence = list(dict.fromkeys(one.evidence for one in telling if one.evidence))
    if evidence:
        yield from ("", "<details><summary>SQL that lists the offenders</summary>", "", "```sql")
        yield from (f"{printable(sql)};" for sql in evidence)
        yield from ("```", "", "</details>")
    yield from ("", f"recaudit {run.tool_version}, seed {run.seed}; intervals are 95 %.")


def _cells(verdict: Verdict) -> list[str]:
    judged = "" if verdict.judged is None else f"{number(verdict.judged)} {interval(verdict)}".rstrip()
    return [
        MARKS[verdict.verdict],
        verdict.gate,
        verdict.subject,
        verdict.threshold,
        number(verdict.value),
        number(verdict.baseline_value),
        judged,
        rests_on(verdict),
    ]
