"""Do what of a declared audit is missing or out of date, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from recaudit.errors import RecauditError, UsageError
from recaudit.plan.stamp import Digests
from recaudit.plan.steps import NAMES, Decision, Doing, Ground, Step
from recaudit.store import Audit, reading
from recaudit.text import printable


class Watcher(Protocol):
    """Who is told how a run goes."""

    def skip(self, step: Step, why: str) -> None: ...
    def begin(self, step: Step, why: str) -> None: ...
    def say(self, step: Step, text: str) -> None: ...
    def note(self, step: Step, text: str) -> None: ...
    def end(self, step: Step) -> None: ...
    def fail(self, step: Step) -> None: ...


def run(
    steps: Sequence[Step],
    db: Path,
    watcher: Watcher,
    *,
    only: Sequence[str] = (),
    force: Sequence[str] = (),
    dry_run: bool = False,
) -> int:
    """Do the steps that are due, each in its own transactions; returns how many were done, or would be.

    What was done before a failure or a kill stays done.

    Args:
        only: names of the steps that may be done; all by default.
        force: names of those that are done even if they are up to date, and with them what builds on them.
        dry_run: only decide; nothing is written.

    Raises:
        UsageError: no such step, a chosen step builds on one that is not up to date, or a step would write over
            what another command made.
        RecauditError: a step failed; says which.
    """
    for name in (*only, *force):
        _check(name, steps)
    for step in steps:
        step.check()
    digests, redone, behind = Digests(), set[Step](), set[Step]()
    done = 0
    for step in steps:
        with _named(step, watcher):
            with _reading(db) as audit:
                decision = step.decide(Ground(audit, digests, redone | behind, step.name in force))
            if not decision.due:
                watcher.skip(step, decision.why)
                continue
            if only and step.name not in only:
                behind.add(step)
                watcher.skip(step, f"left out: {decision.why}")
                continue
            _check_needs(step, behind)
            watcher.begin(step, decision.why)
            if not dry_run:
                _do(step, decision, db, digests, watcher)
            watcher.end(step)
        redone.add(step)
        done += 1
    return done


def _check(name: str, steps: Sequence[Step]) -> None:
    if name not in NAMES:
        raise UsageError(f"no step named {printable(name)}", fix=f"choose one of: {', '.join(NAMES)}")
    own = list(dict.fromkeys(step.name for step in steps))
    if name not in own:
        raise UsageError(f"this audit declares no step {name}", fix=f"it has: {', '.join(own)}")


def _check_needs(step: Step, behind: set[Step]) -> None:
    late = next((need for need in step.needs if need in behind), None)
    if late is not None:
        raise UsageError(
            f"it builds on {late.title}, which is not up to date",
            fix=f"leave out --only, or add --only {late.name}",
        )


def _do(step: Step, decision: Decision, db: Path, digests: Digests, watcher: Watcher) -> None:
    def say(text: str) -> None:
        watcher.say(step, text)

    def note(text: str) -> None:
        watcher.note(step, text)

    step.do(Doing(db, digests, decision.again, say, note))


@contextmanager
def _reading(db: Path) -> Iterator[Audit | None]:
    if not db.exists():
        yield None
        return
    with reading(db) as audit:
        yield audit


@contextmanager
def _named(step: Step, watcher: Watcher) -> Iterator[None]:
    """Errors inside are told with the step's title, and that what is done stays done."""
    try:
        yield
    except RecauditError as error:
        watcher.fail(step)
        raise type(error)(
            f"{printable(step.title)}: {error.message}",
            fix=f"{error.fix}; then run the same again: what is done stays done",
        ) from error
    except BaseException:
        watcher.fail(step)
        raise
