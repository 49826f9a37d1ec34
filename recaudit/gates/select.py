"""Which of a model's numbers a rule is on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recaudit.analyses.diff.by_user import ORIGINAL
from recaudit.analyses.diff.summary import Number, Summary
from recaudit.gates.rules import MetricRule
from recaudit.store.diff import CONCEPT_RULES

ANY = "*"
_COMMANDS = {
    "ranking": "recaudit report MODEL",
    "fidelity": "recaudit report MODEL (the model needs a dictionary: recaudit train MODEL)",
    "sae": "recaudit report MODEL (the model needs a dictionary: recaudit train MODEL)",
    "coverage": "recaudit concepts MODEL",
    "monosemanticity": "recaudit concepts MODEL",
    "temporal": "recaudit concepts MODEL",
    "labels": "recaudit label MODEL",
    "popularity": "recaudit bias MODEL",
    "fairness": "recaudit bias MODEL --groups DATA (users need attributes)",
    "cav": "recaudit cav MODEL",
    "steer": "recaudit steer MODEL --file FILE --save NAME",
}
"""What stores the numbers of a subject."""


@dataclass(frozen=True)
class Selected:
    """The numbers, or why there is none and what would help."""

    numbers: tuple[Number, ...]
    missing: str = ""


def command_for(metric: str) -> str:
    """The command that stores a metric."""
    return _COMMANDS.get(metric.split(".")[0], "recaudit report MODEL")


def select(rule: MetricRule, summary: Summary) -> Selected:
    """Numbers whose slice has every part of ``where``, those with fewest other parts; rankings are the original
    model's unless ``where`` says otherwise."""
    where = dict(rule.where)
    if rule.intervention is not None:
        where["intervention"] = rule.intervention
    named = [number for number in summary.numbers if number.metric == rule.metric]
    if "ranking" not in where and any("ranking" in number.slice for number in named):
        where["ranking"] = ORIGINAL
    fitting = [number for number in named if _fits(number, where)]
    if rule.protocol is not None:
        fitting = [number for number in fitting if number.protocol == rule.protocol]
    if not fitting:
        return Selected((), _missing(rule, where, named))
    fewest = min(len(number.slice) for number in fitting)
    fitting = _one_protocol([number for number in fitting if len(number.slice) == fewest], summary)
    if ANY not in where.values() and len(fitting) > 1:
        listed = "; ".join(f"{number.title} under {number.protocol}" for number in fitting[:4])
        return Selected(
            (), f"the audit has {len(fitting)} numbers of it: {listed}; say `where` or `protocol`"
        )
    return Selected(tuple(fitting))


def _fits(number: Number, where: dict[str, str]) -> bool:
    return all(key in number.slice and value in (ANY, str(number.slice[key])) for key, value in where.items())


def _one_protocol(numbers: Sequence[Number], summary: Summary) -> list[Number]:
    """Those under the model's own protocol, else under the first attribution rule for concepts, where any are."""
    for wanted in (summary.protocol, *(f"concepts by {rule}" for rule in CONCEPT_RULES)):
        under = [number for number in numbers if number.protocol == wanted]
        if under:
            return under
    return list(numbers)


def _missing(rule: MetricRule, where: dict[str, str], named: Sequence[Number]) -> str:
    if not named:
        return f"the audit has no {rule.metric}: run `{command_for(rule.metric)}`"
    nearest = sorted(named, key=lambda number: -sum(_fits(number, {key: where[key]}) for key in where))
    some = "; ".join(dict.fromkeys(f"{number.title} under {number.protocol}" for number in nearest[:4]))
    return f"the audit has {rule.metric}, but not with this `where` or `protocol`; nearest: {some}"
