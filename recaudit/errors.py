"""Errors meant for people, and the exit codes they end in.

RecauditError                 a sentence for the user and the step that mends it
├── GateFailed          1     a declared audit's gate failed
├── UsageError          2     a flag, name or setting that cannot be
├── NoVerdictError      3     nothing could be judged: data the question needs is missing
├── InputRefused        4     a file that is unsafe, damaged, contradictory or of no known format
└── EnvironmentProblem  5     the machine: locked audit file, missing optional package, full disk

Anything else that reaches the top is a bug: it exits 70 with its traceback, never 1, because 1
says "a gate failed".
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller. Documented in ``docs/exit-codes.md``; never renumber."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    NO_VERDICT = 3
    REFUSED = 4
    ENVIRONMENT = 5
    INTERNAL = 70
    INTERRUPTED = 130


class RecauditError(Exception):
    """A problem the user can act on.

    ``message`` says what is wrong and where (file, key, line); ``fix`` says what to do next.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.fix)


def _rebuild(kind: type[RecauditError], message: str, fix: str) -> RecauditError:
    return kind(message, fix=fix)


class GateFailed(RecauditError):
    """A gate that a declared audit holds failed; `recaudit gate` itself returns its code and raises nothing."""

    exit_code = ExitCode.GATE_FAILED


class UsageError(RecauditError):
    """A flag, name or setting that cannot be what the user meant."""

    exit_code = ExitCode.USAGE


class NoVerdictError(RecauditError):
    """Data that the question needs is not in the audit."""

    exit_code = ExitCode.NO_VERDICT


class InputRefused(RecauditError):
    """An input file that is unsafe, damaged, contradictory or of no known format."""

    exit_code = ExitCode.REFUSED


class EnvironmentProblem(RecauditError):
    """The machine is in the way: a locked audit file, a missing optional package, a full disk."""

    exit_code = ExitCode.ENVIRONMENT
