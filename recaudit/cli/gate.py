"""``recaudit gate``"""

from __future__ import annotations

import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recaudit.cli.output import db_option, format_option, note, sae_option, show
from recaudit.errors import EnvironmentProblem, ExitCode, InputRefused
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.gates import GateRun, Policy


@click.command()
@click.argument("model", required=False)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The rules: a TOML file, see docs/ci.md.",
)
@click.option(
    "--baseline",
    metavar="NAME",
    help="Compare with a blessed baseline, a model, FILE.json, or AUDIT.duckdb:MODEL.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Also write .json, .xml (JUnit), .sarif or .md; repeatable.",
)
@click.option("--strict", is_flag=True, help="What is undecided or skipped leaves no verdict: exit 3.")
@click.option(
    "--explain", is_flag=True, help="Show what would be checked and what is missing; judge nothing."
)
@click.option("--no-store", is_flag=True, help="Do not keep the verdicts in the audit file.")
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day on which waivers are looked at (default: today).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap.")
@sae_option
@format_option
@db_option
def gate(
    model: str | None,
    policy: Path,
    baseline: str | None,
    output: tuple[Path, ...],
    strict: bool,
    explain: bool,
    no_store: bool,
    today: datetime | None,
    seed: int,
    sae: str | None,
    format_: str,
    db: Path,
) -> int:
    """Check a policy on MODEL; the exit code is the verdict.

    0: every required check passed. 1: one failed. 3: no verdict: something needed is missing, nothing was checked, or
    with --strict something is undecided. Verdicts are kept in the audit file (table `verdicts`).

    In GitHub Actions the outcome also goes to the step summary and, as annotations, to the policy's lines.
    """
    from recaudit.gates import read_policy
    from recaudit.gates.keeping import write_whole
    from recaudit.gates.outputs import renderer

    renderers = [renderer(path) for path in output]
    rules = read_policy(policy)
    if explain:
        return _explained(rules, model, baseline, sae, seed, format_, db)
    run = _checked(rules, model, baseline, sae, db, seed, strict, today.date() if today else date.today())
    for path, render in zip(output, renderers, strict=True):
        write_whole(path, render(run))
        note(f"wrote {printable(path)}")
    _show(run, format_)
    _github(run)
    if not no_store:
        _keep(db, run)
    return run.exit_code


def _checked(
    rules: Policy,
    model: str | None,
    baseline: str | None,
    sae: str | None,
    db: Path,
    seed: int,
    strict: bool,
    today: date,
) -> GateRun:
    import duckdb

    from recaudit.gates import check
    from recaudit.gates.baseline import find
    from recaudit.gates.candidate import candidate
    from recaudit.store import read, reading

    try:
        with reading(db) as audit:
            found = read.model_named(audit, model)
            judged = candidate(audit, found, read.find_sae(audit, found, sae))
            beside = None if baseline is None else find(audit, baseline, sae)
    except (duckdb.IOException, duckdb.FatalException, duckdb.SerializationException) as error:
        raise InputRefused(
            f"{printable(db)}: is damaged ({printable(str(error).splitlines()[0], 120)})",
            fix="make it anew with `recaudit ingest`, or take a copy from before",
        ) from None
    return check(rules, judged, beside, today=today, seed=seed, strict=strict)


def _explained(
    rules: Policy, model: str | None, baseline: str | None, sae: str | None, seed: int, format_: str, db: Path
) -> int:
    from recaudit.gates.baseline import find
    from recaudit.gates.candidate import candidate
    from recaudit.gates.check import compared
    from recaudit.gates.explain import COLUMNS, explain
    from recaudit.store import read, reading

    judged, comparison = None, None
    if db.exists():
        with reading(db) as audit:
            found = read.model_named(audit, model)
            judged = candidate(audit, found, read.find_sae(audit, found, sae))
            if baseline is not None:
                comparison = compared(judged, find(audit, baseline, sae), seed=seed)
    else:
        note(f"{printable(db)}: no audit yet; this is what the policy asks")
    show(COLUMNS, explain(rules, judged, comparison), format_)
    for waiver in rules.waivers:
        note(
            f"waived until {waiver.until}: {printable(waiver.gate)} ({printable(waiver.owner)}: {printable(waiver.reason)})"
        )
    return ExitCode.OK


def _show(run: GateRun, format_: str) -> None:
    if format_ != "table":
        columns = ["verdict", "gate", "subject", "threshold", "value", "baseline_value", "judged", "low", "high", "n", "q", "said", "line"]  # fmt: skip
        show(columns, [[getattr(verdict, name) for name in columns] for verdict in run.verdicts], format_)
        return
    from rich.console import Console

    from recaudit.gates.outputs import terminal

    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=120)
    terminal.render(run, console)


def _github(run: GateRun) -> None:
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        from recaudit.gates.outputs import markdown

        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown.render(run))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from recaudit.gates.outputs.github import workflow_commands

        for line in workflow_commands(run):
            click.echo(line, err=True)


def _keep(db: Path, run: GateRun) -> None:
    """A gate that failed has failed, even where its verdict cannot be kept."""
    import duckdb

    from recaudit.gates.keeping import keep_verdicts

    try:
        try:
            keep_verdicts(db, run)
        except duckdb.Error as error:
            raise EnvironmentProblem(
                f"{printable(db)}: cannot be written ({printable(str(error).splitlines()[0], 160)})",
                fix="check that the disk has room and that the file may be written, or give --no-store",
            ) from None
    except EnvironmentProblem as error:
        if run.exit_code == ExitCode.OK:
            raise
        note(f"the verdicts were not kept: {error.message}")
