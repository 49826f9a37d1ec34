"""CI gates: a policy of rules, a model, perhaps a baseline; out come verdicts that know their uncertainty.

``policy`` reads the rules, ``summary`` what is known of a model, ``compare`` sets two of those side by side,
``check`` judges, ``outcome`` counts; ``outputs`` writes what people and CI systems read.
"""

from recaudit.gates.check import check
from recaudit.gates.outcome import GateRun, Verdict
from recaudit.gates.policy import Policy, read_policy

__all__ = ["GateRun", "Policy", "Verdict", "check", "read_policy"]
