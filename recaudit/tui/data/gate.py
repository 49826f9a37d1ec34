"""What gates said of a model: verdicts with their intervals against the limits, evidence, and when they were checked."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from recaudit.errors import UsageError
from recaudit.gates.outcome import MARKS, Kind, Verdict
from recaudit.gates.outputs.words import WORST_FIRST, details, interval, number, rests_on
from recaudit.gates.rules import Bound
from recaudit.store import Audit, gates, listings
from recaudit.text import printable
from recaudit.tui.blocks import Block, Column, Row
from recaudit.tui.data import sql
from recaudit.tui.data.write_out import QUIET, facts, frame_block
from recaudit.tui.host import Subject

STYLES = {
    Kind.FAIL: "$text-error",
    Kind.ERROR: "$text-error",
    Kind.WARN: "$text-warning",
    Kind.UNDECIDED: "$text-warning",
    Kind.WAIVED: "$text-accent",
    Kind.SKIPPED: QUIET,
    Kind.PASS: "",
}
SCALE = 18
EVIDENCE = 40
"""Rows of evidence that are shown."""
_WORDS = {"at least": "min", "at most": "max", "drops at most": "max_drop", "rises at most": "max_rise", "within": "within"}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A verdict with the policy it is of."""

    policy: str
    place: int
    verdict: Verdict

    @property
    def key(self) -> str:
        """Names it."""
        return f"{self.place} {self.policy}"


def kept(audit: Audit, subject: Subject) -> list[Kept]:
    """Every verdict kept of the model, the worst of each policy first."""
    own = {field.name for field in fields(Verdict)}
    found = []
    for row in gates.verdicts(audit, subject.model).to_dict("records"):
        values: dict[str, Any] = {str(n): _or_none(value) for n, value in row.items() if n in own}
        values["verdict"] = Kind(str(row["verdict"]))
        for name in ("n", "tested", "line"):
            values[name] = None if values[name] is None else int(values[name])
        found.append(Kept(str(row["policy"]), int(row["place"]), Verdict(**values)))
    return sorted(found, key=lambda one: (one.policy, WORST_FIRST.index(one.verdict.verdict), one.place))


def _or_none(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def blocks(audit: Audit, subject: Subject) -> Iterator[Block]:
    """A table for each policy, then when gates were run."""
    found = kept(audit, subject)
    if not found:
        yield facts(
            "none", "No gate has judged this model yet",
            [
                ("run", f"recaudit gate {subject.model.name} --policy audits/policies/default.toml"),
                ("policies", "docs/ci.md says how they are written; audits/policies/ has some to begin with"),
                ("compare", f"recaudit bless {subject.model.name} --as production, then --baseline production"),
            ],
        )  # fmt: skip
    for policy in dict.fromkeys(one.policy for one in found):
        yield _policy(policy, [one for one in found if one.policy == policy], subject)
    runs = listings.gate_runs(audit, subject.model.name)
    if not runs.empty:
        yield frame_block(
            "runs", "Runs", runs, sql="SELECT * FROM runs WHERE command = 'gate' ORDER BY finished DESC",
            caption="Newest first. The verdicts kept are those of the newest run of each policy.",
        )  # fmt: skip


def state(found: Sequence[Kept]) -> str:
    """What all verdicts come to, in a few words."""
    counts = Counter(one.verdict.verdict for one in found)
    return ", ".join(f"{MARKS[kind]} {counts[kind]} {kind}" for kind in WORST_FIRST if counts[kind])


def _policy(policy: str, found: list[Kept], subject: Subject) -> Block:
    rows = tuple(
        Row(
            (
                f"{MARKS[one.verdict.verdict]} {one.verdict.verdict}", printable(one.verdict.gate, 32),
                number(one.verdict.judged), drawn(one.verdict), printable(one.verdict.threshold, 40),
                printable(one.verdict.subject, 60),
            ),
            (
                str(one.verdict.verdict), one.verdict.gate, one.verdict.judged, interval(one.verdict),
                one.verdict.threshold, one.verdict.subject,
            ),
            style=STYLES[one.verdict.verdict], take=one.key,
        )
        for one in found
    )  # fmt: skip
    columns = (
        Column("verdict", firm=True), Column("rule"), Column("judged", right=True),
        Column("interval and limit", style="$primary", firm=True), Column("asked"), Column("of", style=QUIET),
    )  # fmt: skip
    said = f"SELECT * FROM verdicts WHERE model_id = {subject.model.model_id} AND policy = {gates.quoted(policy)} ORDER BY place"
    return Block(f"gate_{policy}", f"{printable(policy)}: {state(found)}", "", columns, rows, said, len(rows))


def limits(threshold: str) -> tuple[float, float] | None:
    """Between what a number had to lie, from the words a verdict keeps (``Bound.__str__``); None for other rules."""
    match = re.match(rf"({'|'.join(_WORDS)}) (-?[\d.]+(?:e[-+]?\d+)?)( %)?(?: |$)", threshold)
    if match is None:
        return None
    amount = float(match[2]) / (100 if match[3] else 1)
    return Bound(_WORDS[match[1]], amount, bool(match[3])).allowed


def drawn(verdict: Verdict, width: int = SCALE) -> str:
    """The interval on a line, ``┃`` at the limits and ``·`` where the number may lie: ``····┃─●──``."""
    found = limits(verdict.threshold)
    if found is None or verdict.judged is None:
        return ""
    low = verdict.judged if verdict.low is None else verdict.low
    high = verdict.judged if verdict.high is None else verdict.high
    ends = [low, high, *(limit for limit in found if math.isfinite(limit))]
    room = (max(ends) - min(ends)) * 0.2 or abs(verdict.judged) * 0.2 or 1.0
    least, most = min(ends) - room, max(ends) + room

    def cell(value: float) -> int:
        return round((value - least) / (most - least) * (width - 1))

    line = []
    for place in range(width):
        value = least + place / (width - 1) * (most - least)
        line.append("·" if found[0] <= value <= found[1] else " ")
    for place in range(cell(low), cell(high) + 1):
        line[place] = "─"
    for limit in found:
        if math.isfinite(limit):
            line[cell(limit)] = "┃"
    line[cell(verdict.judged)] = "●"
    return "".join(line)


def evidence(audit: Audit, subject: Subject, key: str) -> Iterator[Block]:
    """Everything a verdict carries, and the rows its evidence lists."""
    found = next((one for one in kept(audit, subject) if one.key == key), None)
    if found is None:
        return
    verdict = found.verdict
    yield Block("verdict", f"{MARKS[verdict.verdict]} {printable(verdict.gate)}: {printable(verdict.subject)}", sentences=(f"· {printable(verdict.said)}",))  # fmt: skip
    rows = [(name, text) for name, text in details(verdict) if name != "offenders"]
    yield facts("details", "How it came about", [*rows, ("policy", f"{found.policy}, line {verdict.line}")])
    if not verdict.evidence:
        return
    try:
        result = sql.run(audit, verdict.evidence)
    except UsageError as error:
        yield facts("evidence", "Evidence", [("not there any more", error.message)])
        return
    import pandas as pd

    frame = pd.DataFrame(
        result.rows[:EVIDENCE], columns=[column.name for column in result.columns], dtype=object
    )
    more = "+" if result.more else ""
    yield frame_block(
        "evidence", "Evidence", frame, sql=verdict.evidence, shown_of=len(result.rows),
        caption=f"{len(result.rows):,}{more} rows; rests on {rests_on(verdict) or 'what the scan found'}.",
    )  # fmt: skip
