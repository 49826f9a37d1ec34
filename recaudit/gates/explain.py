"""What a policy would check, with what it would compare, and what for that is missing."""

from __future__ import annotations

from collections.abc import Iterator

from recaudit.analyses.diff.changes import Comparison, key_of
from recaudit.analyses.diff.recipes import recipe
from recaudit.gates.candidate import Candidate
from recaudit.gates.policy import Policy
from recaudit.gates.receipts import receipt_wanted
from recaudit.gates.rules import ConceptRule, FindingRule, MetricRule, ReceiptRule, Rule
from recaudit.gates.select import command_for, select
from recaudit.metrics.catalogue import BY_NAME

COLUMNS = ("line", "gate", "severity", "asks", "of", "against", "missing", "why")


def explain(policy: Policy, candidate: Candidate | None, comparison: Comparison | None) -> list[list[str]]:
    """A row of ``COLUMNS`` a check.

    Args:
        candidate: None where there is no audit yet: only what the policy asks is told.
    """
    return [
        [str(rule.line), rule.name, rule.severity.value, *cells, rule.why]
        for rule in policy.rules
        for cells in _cells(rule, candidate, comparison)
    ]


def _cells(rule: Rule, candidate: Candidate | None, comparison: Comparison | None) -> Iterator[list[str]]:
    """What is asked, of what, against what, what is missing."""
    beside = "the baseline (none given)" if comparison is None else comparison.about
    if isinstance(rule, MetricRule):
        yield from _metric(rule, candidate, comparison, beside)
    elif isinstance(rule, FindingRule):
        asked = "no finding" if rule.allow == "none" else f"no finding above {rule.allow}"
        missing = "findings: run `recaudit report MODEL`" if candidate and not candidate.findings else ""
        yield [asked, f"findings {rule.finding}", "what is stored", missing]
    elif isinstance(rule, ReceiptRule):
        yield [receipt_wanted(rule), f"receipt of {rule.role or 'every file'}", "the scan at ingestion", ""]
    elif isinstance(rule, ConceptRule):
        missing = "a baseline" if comparison is None else ""
        yield [f"at most {rule.max_lost} lost", f"concepts by {rule.by}", beside, missing]


def _metric(
    rule: MetricRule, candidate: Candidate | None, comparison: Comparison | None, beside: str
) -> Iterator[list[str]]:
    about = f"{rule.metric}: {BY_NAME[rule.metric].definition}"
    old = {} if comparison is None else {key_of(number): number for number in comparison.old.numbers}
    for bound in rule.bounds:
        against = beside if bound.of_change else "its own interval"
        if candidate is None:
            yield [str(bound), about, against, f"an audit: `{command_for(rule.metric)}` stores it"]
            continue
        selected = select(rule, candidate.summary)
        if not selected.numbers:
            yield [str(bound), about, against, selected.missing]
        for number in selected.numbers:
            how, missing = against, ""
            if bound.of_change and comparison is None:
                missing = "a baseline"
            elif bound.of_change:
                missing = "" if key_of(number) in old else "the baseline has no such number"
                if recipe(number.metric, number.slice) is None:
                    how = "both stored intervals, as independent"
            yield [str(bound), number.title, how, missing]
