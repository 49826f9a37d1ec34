"""``recaudit run``"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recaudit.cli.output import is_quiet, note
from recaudit.text import printable

if TYPE_CHECKING:
    from rich.live import Live
    from rich.tree import Tree

    from recaudit.plan import Plan
    from recaudit.plan.steps import Step


@click.command()
@click.argument("audit", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--root", "roots", type=click.Path(path_type=Path, file_okay=False), multiple=True, envvar="RECAUDIT_ROOT",
    help="Folder to look for inputs in, after the folder of AUDIT; repeatable (also RECAUDIT_ROOT).",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be done, and why.")
@click.option("--only", multiple=True, metavar="STEP", help="Do only steps of this name; repeatable.")
@click.option(
    "--force", multiple=True, metavar="STEP",
    help="Do steps of this name, and what builds on them, even if up to date; repeatable.",
)  # fmt: skip
@click.option(
    "--db", type=click.Path(path_type=Path, dir_okay=False),
    help="The audit file (default: AUDIT's name with .duckdb, in this folder).",
)  # fmt: skip
def run(
    audit: Path,
    roots: tuple[Path, ...],
    dry_run: bool,
    only: tuple[str, ...],
    force: tuple[str, ...],
    db: Path | None,
) -> None:
    """Do everything that the audit declared in the TOML file AUDIT still lacks, and end in its reports.

    A step is done when its inputs, its settings, a step before it or recaudit itself changed, and skipped when it
    is up to date; --dry-run names them. Given again after an interruption, the command goes on where it was.
    """
    from recaudit.cli.declared import sections
    from recaudit.plan import locate, read_plan, steps_of
    from recaudit.plan import run as carry_out

    plan = locate(read_plan(audit, sections()), roots)
    steps = steps_of(plan)
    target = db or Path(f"{audit.stem}.duckdb")
    with _watching(plan, target, dry_run) as watcher:
        due = carry_out(steps, target, watcher, only=only, force=force, dry_run=dry_run)
    if dry_run:
        note(f"{due} of {len(steps)} steps would be done; nothing was written")
        return
    note(
        f"{due} of {len(steps)} steps done, the others were up to date"
        if due < len(steps)
        else f"all {due} steps done"
    )
    if not only:
        _show_reports(plan, target)
    note(f"look around: recaudit models --db {printable(target)}")


def _show_reports(plan: Plan, db: Path) -> None:
    from rich.console import Console

    from recaudit.plan.steps import source_of
    from recaudit.report import terminal
    from recaudit.store import reading

    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)
    for section in plan.all("report"):
        if section.options["show"] or not section.options["outputs"]:
            with reading(db) as audit:
                built = source_of(plan, section, audit).report
            terminal.render(built, console)


@contextmanager
def _watching(plan: Plan, db: Path, dry_run: bool) -> Iterator[_Lines | _Tree]:
    """A tree that grows on a terminal, a line a step elsewhere."""
    heading = f"{plan.about or plan.name} → {db}"
    if is_quiet() or not sys.stderr.isatty():
        note(printable(heading))
        yield _Lines(dry_run)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(Text(printable(heading)))
    with Live(tree, console=Console(stderr=True), refresh_per_second=8, vertical_overflow="visible") as live:
        yield _Tree(tree, live, dry_run)


class _Lines:
    """One line when a step is skipped or begins, its notes indented below."""

    def __init__(self, dry_run: bool) -> None:
        self._dry_run = dry_run
        self._began = 0.0

    def skip(self, step: Step, why: str) -> None:
        note(f"  – {printable(step.title)}: {printable(why)}")

    def begin(self, step: Step, why: str) -> None:
        self._began = time.monotonic()
        note(f"  {'+' if self._dry_run else '▸'} {printable(step.title)}: {printable(why)}")

    def say(self, step: Step, text: str) -> None:
        pass

    def note(self, step: Step, text: str) -> None:
        note(f"      {text}")

    def end(self, step: Step) -> None:
        if not self._dry_run:
            note(f"  ✓ {printable(step.title)}: {time.monotonic() - self._began:.1f} s")

    def fail(self, step: Step) -> None:
        note(f"  ✗ {printable(step.title)}")


class _Tree:
    """A branch a step; the one that is being done says what it is at."""

    def __init__(self, tree: Tree, live: Live, dry_run: bool) -> None:
        self._tree, self._live, self._dry_run = tree, live, dry_run
        self._branches: dict[Step, tuple[Tree, str, float]] = {}

    def skip(self, step: Step, why: str) -> None:
        self._tree.add(_styled("–", step, why, "dim"))

    def begin(self, step: Step, why: str) -> None:
        mark = "+" if self._dry_run else "▸"
        self._branches[step] = self._tree.add(_styled(mark, step, why, "bold")), why, time.monotonic()

    def say(self, step: Step, text: str) -> None:
        branch, why, _ = self._branches[step]
        branch.label = _styled("▸", step, f"{why} · {text} …", "bold")
        # Long arithmetic may keep the refreshing thread waiting.
        self._live.refresh()

    def note(self, step: Step, text: str) -> None:
        from rich.text import Text

        self._branches[step][0].add(Text(text, style="dim"))

    def end(self, step: Step) -> None:
        if not self._dry_run:
            branch, why, began = self._branches[step]
            branch.label = _styled("✓", step, f"{why} · {time.monotonic() - began:.1f} s", "green")

    def fail(self, step: Step) -> None:
        if step in self._branches:
            branch, why, _ = self._branches[step]
            branch.label = _styled("✗", step, why, "red")
        else:
            self._tree.add(_styled("✗", step, "", "red"))


def _styled(mark: str, step: Step, why: str, style: str):  # type: ignore[no-untyped-def]
    from rich.text import Text

    text = Text()
    text.append(f"{mark} {printable(step.title)}", style=style)
    text.append(f"  {printable(why)}", style="dim")
    return text
