"""What a policy consists of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Severity(StrEnum):
    """What a broken rule does: ``error`` stops the model, ``warn`` only says so."""

    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True)
class Bound:
    """Where a number, or its change from the baseline, has to lie.

    Attributes:
        key: ``min``, ``max`` (of the number), ``max_drop``, ``max_rise``, ``within`` (of its change).
        amount: in the number's own unit; a share of the baseline's where ``relative``.
    """

    key: str
    amount: float
    relative: bool = False

    @property
    def of_change(self) -> bool:
        """Whether a baseline is needed."""
        return self.key not in ("min", "max")

    @property
    def allowed(self) -> tuple[float, float]:
        """The interval, ends included, in which the number or the change must lie."""
        low = {"min": self.amount, "max_drop": -self.amount, "within": -self.amount}.get(self.key, -math.inf)
        high = {"max": self.amount, "max_rise": self.amount, "within": self.amount}.get(self.key, math.inf)
        return low, high

    def __str__(self) -> str:
        amount = f"{self.amount * 100:g} %" if self.relative else f"{self.amount:g}"
        words = {
            "min": "at least",
            "max": "at most",
            "max_drop": "drops at most",
            "max_rise": "rises at most",
        }
        if self.key == "within":
            return f"within {amount} of the baseline"
        return f"{words[self.key]} {amount}" + (" from the baseline" if self.of_change else "")


@dataclass(frozen=True)
class Rule:
    """What every rule has, whatever it is on.

    Attributes:
        name: stable: JUnit, SARIF and waivers know the rule by it.
        why: the reason, for who is stopped by it.
        line: in the policy.
        optional: where data are missing the rule is skipped instead of being an error.
        family: rules that are corrected together for being many.
    """

    name: str
    line: int
    severity: Severity = Severity.ERROR
    why: str = ""
    optional: bool = False
    family: str = "all"


@dataclass(frozen=True)
class MetricRule(Rule):
    """A number of ``metrics`` and its bounds."""

    metric: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    """Parts of the slice; ``*`` stands for every value."""
    protocol: str | None = None
    bounds: tuple[Bound, ...] = ()
    min_n: int | None = None
    intervention: str | None = None
    """Where the number is of a kept intervention: its name."""


@dataclass(frozen=True)
class FindingRule(Rule):
    """No finding of a code (``*`` as in file names) beyond a severity."""

    finding: str = "*"
    allow: str = "none"
    """The worst severity that passes: ``none``, ``info``, ``warning``."""


@dataclass(frozen=True)
class ReceiptRule(Rule):
    """What the safety scan must have found in input files."""

    wants: str = "no stubs"
    """``no stubs``, ``no warnings``, ``verdict``, ``sha256`` or ``format``."""
    expected: str = ""
    role: str | None = None
    """``model``, ``sae``, ``ids``, ``data``; None for all."""


@dataclass(frozen=True)
class ConceptRule(Rule):
    """No concept that the baseline has may be lost."""

    by: str = "coverage"
    """``coverage`` (a latent stands for it) or ``cav`` (the vectors hold it)."""
    kind: str | None = None
    """``genre``, ``decade``, …; None for all."""
    max_lost: int = 0


@dataclass(frozen=True)
class Waiver:
    """A rule that does not count until a day, who answers for it, and why."""

    gate: str
    reason: str
    owner: str
    until: date
    """The last day on which it holds."""
    line: int
