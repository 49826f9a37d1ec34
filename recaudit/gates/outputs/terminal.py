"""A gate on a terminal: worst first, what needs attention in full, what passed on a line."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from recaudit.gates.outcome import MARKS, GateRun, Kind, Verdict
from recaudit.gates.outputs.words import details, interval, number, worst_first
from recaudit.text import printable

_STYLES = {
    Kind.FAIL: "bold red",
    Kind.ERROR: "bold red",
    Kind.WARN: "yellow",
    Kind.UNDECIDED: "yellow",
    Kind.SKIPPED: "dim",
    Kind.WAIVED: "cyan",
    Kind.PASS: "green",
}
_IN_FULL = (Kind.FAIL, Kind.ERROR, Kind.WARN, Kind.UNDECIDED)


def render(run: GateRun, console: Console) -> None:
    """Print it."""
    console.print(Group(*_parts(run)))


def _parts(run: GateRun) -> Iterator[RenderableType]:
    yield Text(printable(f"{run.model} by {run.policy}"), style="bold")
    if run.baseline is not None:
        who = f", blessed by {run.baseline.author}: {run.baseline.reason}" if run.baseline.author else ""
        yield Text(printable(f"beside {run.baseline.name}{who}; {run.baseline.about}"), style="dim")
    yield Text()
    for verdict in worst_first(run.verdicts):
        yield _line(verdict)
        if verdict.verdict in _IN_FULL:
            yield Padding(_details(verdict), (0, 0, 1, 4), expand=False)
        elif verdict.verdict is not Kind.PASS:
            yield Padding(Text(printable(verdict.said), style="dim"), (0, 0, 0, 4), expand=False)
    yield Text()
    yield Text(printable(run.outcome), style="bold green" if run.exit_code == 0 else "bold red")


def _line(verdict: Verdict) -> Text:
    line = Text()
    line.append(f"{MARKS[verdict.verdict]} {verdict.verdict:<9} ", style=_STYLES[verdict.verdict])
    line.append(printable(verdict.gate), style="bold")
    line.append(f"  {printable(verdict.subject)} {printable(verdict.threshold)}")
    if verdict.judged is not None:
        line.append(f": {number(verdict.judged)} {interval(verdict)}".rstrip(), style="dim")
    return line


def _details(verdict: Verdict) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_row("", Text(printable(verdict.said)))
    for name, text in details(verdict):
        if name != "asked":
            table.add_row(name, Text(printable(text)))
    return table
