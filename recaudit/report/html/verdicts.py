"""What gates said of the model, for the summary. Only kept verdicts are told; nothing is judged here."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from recaudit.report import layout
from recaudit.report.html.view import Finding
from recaudit.text import printable

_SEVERITY = {"fail": "serious", "error": "serious", "warn": "warning", "undecided": "warning"}
_WORDS = {
    "fail": "failed",
    "error": "could not be judged",
    "warn": "warned",
    "undecided": "undecided",
    "pass": "passed",
    "waived": "waived",
    "skipped": "skipped",
}
"""Verdict to what it says of rules, the worst first."""


def said(frame: pd.DataFrame) -> str:
    """A sentence a policy, by ``gates.outcome``'s rule without ``--strict``; empty where none has judged the model.

    Args:
        frame: ``store.gates.verdicts``.
    """
    return " ".join(
        _policy(str(policy), Counter(own["verdict"])) for policy, own in frame.groupby("policy", sort=True)
    )


def _policy(policy: str, counts: Counter[str]) -> str:
    parts = ", ".join(f"{counts[verdict]} {word}" for verdict, word in _WORDS.items() if counts[verdict])
    if counts["fail"]:
        outcome = "failed"
    elif counts["error"] or not counts.total() - counts["skipped"]:
        outcome = "no verdict"
    else:
        outcome = "no rule failed"
    return f"Gate {printable(policy, 60)}: {outcome} ({parts})."


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Rules that did not pass, as findings. Arguments as of ``said``."""
    return [
        Finding(
            _SEVERITY[row["verdict"]],
            f"Gate {_WORDS[row['verdict']]}",
            layout.MARKS[_SEVERITY[row["verdict"]]],
            printable(f"{row['gate']}: {row['said']}"),
            printable(row["evidence"] or ""),
        )
        for row in frame.to_dict("records")
        if row["verdict"] in _SEVERITY
    ]
