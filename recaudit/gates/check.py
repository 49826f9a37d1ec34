"""Check a policy on a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from recaudit import __version__
from recaudit.analyses.diff.changes import Comparison, key_of, same_number
from recaudit.analyses.diff.summary import Number
from recaudit.gates.baseline import Baseline
from recaudit.gates.candidate import Candidate
from recaudit.gates.concepts import concept_verdict
from recaudit.gates.outcome import BaselineFacts, GateRun, Kind, Verdict, concluded, counted
from recaudit.gates.policy import Policy
from recaudit.gates.receipts import broken_receipts, receipt_wanted
from recaudit.gates.rules import (
    Bound,
    ConceptRule,
    FindingRule,
    MetricRule,
    ReceiptRule,
    Rule,
    Severity,
)
from recaudit.gates.select import select
from recaudit.metrics import judging
from recaudit.metrics.judging import Place
from recaudit.store.gates import offenders, quoted
from recaudit.text import printable

NO_BASELINE = "no baseline was given: name one with --baseline"
LEAST_USERS = 20
"""Users below which a bootstrap interval is not trusted, unless the rule says `min_n`."""
_SEVERITIES = ("none", "info", "warning", "serious")


@dataclass(frozen=True)
class _Draft:
    """A verdict before the correction for being many. ``p`` is None for what is not in a family."""

    rule: Rule
    verdict: Verdict
    place: Place | None = None
    p: float | None = None


def check(
    policy: Policy,
    candidate: Candidate,
    baseline: Baseline | None = None,
    *,
    today: date,
    seed: int = 0,
    strict: bool = False,
) -> GateRun:
    """Judge every rule of a policy.

    Args:
        today: decides which waivers hold.
        strict: what is undecided, or skipped although not optional, leaves no verdict.
    """
    comparison = None if baseline is None else compared(candidate, baseline, seed=seed)
    checks = _Checks(candidate, comparison)
    drafts = [draft for rule in policy.rules for draft in checks.of(rule)]
    verdicts = tuple(_waived(policy, verdict, today) for verdict in _corrected(drafts))
    code, outcome = concluded(verdicts, strict=strict)
    facts = None
    if baseline is not None and comparison is not None:
        facts = BaselineFacts(
            baseline.name,
            baseline.summary.name,
            baseline.summary.sha256,
            baseline.author,
            baseline.reason,
            baseline.blessed,
            comparison.about,
        )
    summary = candidate.summary
    return GateRun(
        schema_version=1,
        tool_version=__version__,
        policy=policy.file,
        policy_sha256=policy.sha256,
        about=policy.about,
        model=summary.name,
        model_sha256=summary.sha256,
        dictionary=summary.dictionary,
        protocol=summary.protocol,
        baseline=facts,
        seed=seed,
        strict=strict,
        outcome=outcome,
        exit_code=int(code),
        counts=counted(verdicts),
        verdicts=verdicts,
    )


def compared(candidate: Candidate, baseline: Baseline, *, seed: int) -> Comparison:
    """The candidate beside a baseline."""
    return Comparison(candidate.summary, baseline.summary, groups=candidate.groups, seed=seed)


class _Checks:
    """Drafts the verdicts of each kind of rule."""

    def __init__(self, candidate: Candidate, comparison: Comparison | None) -> None:
        self._candidate, self._comparison = candidate, comparison
        old = () if comparison is None else comparison.old.numbers
        self._old: Mapping[tuple[str, str, str], Number] = {key_of(number): number for number in old}
        self._kinds: dict[type[Rule], Callable[..., Iterator[_Draft]]] = {
            MetricRule: self._metric,
            FindingRule: self._finding,
            ReceiptRule: self._receipt,
            ConceptRule: self._concepts,
        }

    def of(self, rule: Rule) -> Iterator[_Draft]:
        """The checks that a rule stands for; at least one."""
        return self._kinds[type(rule)](rule)

    def _metric(self, rule: MetricRule) -> Iterator[_Draft]:
        selected = select(rule, self._candidate.summary)
        for bound in rule.bounds:
            if not selected.numbers:
                yield _without(rule, _wanted(rule), str(bound), selected.missing)
            for number in selected.numbers:
                yield self._bound(rule, bound, number)

    def _bound(self, rule: MetricRule, bound: Bound, number: Number) -> _Draft:
        model, sae = self._candidate.model, self._candidate.sae
        evidence = offenders(model, sae, number.metric, str(dict(number.slice)), number.protocol)
        blank = _verdict(rule, number.title, str(bound), evidence)
        blank = replace(blank, value=number.value, n=number.n, unit=number.unit)
        if not bound.of_change:
            how = f"stored under {number.protocol}"
            how += "; no interval is stored with it" if number.error is None else ", 95 % interval"
            return _judged(
                rule, bound, replace(blank, how=how), number.value, number.low, number.high, number.error
            )
        if self._comparison is None:
            return _skipped(rule, blank, NO_BASELINE)
        old = same_number(number, self._old)
        if old is None:
            return _missing(rule, blank, "the baseline has no such number")
        changed = self._intervention_changed(rule)
        if changed:
            return _missing(rule, blank, changed)
        change = self._comparison.change(number, old, relative=bound.relative)
        compared = replace(blank, baseline_value=old.value, how=change.how, n=change.n)
        if not judging.finite(change.value):
            return _missing(rule, compared, "its change from the baseline is no number")
        return _judged(rule, bound, compared, change.value, change.low, change.high, change.error)

    def _intervention_changed(self, rule: MetricRule) -> str:
        """A promise is kept only by the edit that made it."""
        if rule.intervention is None or self._comparison is None:
            return ""
        new = self._candidate.summary.interventions.get(rule.intervention)
        old = self._comparison.old.interventions.get(rule.intervention)
        same = new == old or old is None
        return "" if same else "the baseline's intervention of this name is another: its file differs"

    def _finding(self, rule: FindingRule) -> Iterator[_Draft]:
        model = self._candidate.model
        matching = [f for f in self._candidate.findings if fnmatchcase(f["code"], rule.finding)]
        worst = _SEVERITIES.index(rule.allow)
        beyond = [f for f in matching if _SEVERITIES.index(f["severity"]) > worst]
        evidence = (
            "SELECT severity, code, sentence, evidence FROM findings "
            f"WHERE model_id = {model.model_id} AND code GLOB {quoted(rule.finding)} ORDER BY severity, code"
        )
        threshold = "no finding" if rule.allow == "none" else f"no finding above {rule.allow}"
        blank = _verdict(rule, f"findings {rule.finding}", threshold, evidence)
        blank = replace(
            blank, value=float(len(beyond)), judged=float(len(beyond)), n=len(matching), unit="findings",
            how="stored findings on the model and its dictionary",
        )  # fmt: skip
        if not self._candidate.findings:
            yield _missing(rule, blank, "the audit has no findings yet: run `recaudit report MODEL`")
        elif beyond:
            said = "; ".join(f"{f['code']} ({f['severity']}): {f['sentence']}" for f in beyond)
            yield _broken(rule, blank, said)
        else:
            yield _Draft(
                rule, replace(blank, verdict=Kind.PASS, said=f"none beyond that among {len(matching)}")
            )

    def _receipt(self, rule: ReceiptRule) -> Iterator[_Draft]:
        model = self._candidate.model
        receipts = [r for r in self._candidate.receipts if rule.role in (None, r["role"])]
        of_role = "" if rule.role is None else f" AND role = {quoted(rule.role)}"
        evidence = (
            "SELECT role, file, format, sha256, verdict, stubs, notes FROM receipts "
            f"WHERE model_id = {model.model_id}{of_role} ORDER BY role, file"
        )
        blank = _verdict(rule, f"receipt of {rule.role or 'every file'}", receipt_wanted(rule), evidence)
        blank = replace(blank, n=len(receipts), unit="files", how="receipts of the safety scan at ingestion")
        if not receipts:
            yield _missing(
                rule, blank, f"the audit has no receipt of a {rule.role or ''} file".replace("  ", " ")
            )
            return
        broken = broken_receipts(rule, receipts)
        if broken:
            yield _broken(rule, blank, "; ".join(broken))
        else:
            yield _Draft(rule, replace(blank, verdict=Kind.PASS, said=f"true of {len(receipts)} files"))

    def _concepts(self, rule: ConceptRule) -> Iterator[_Draft]:
        table = "concept_coverage" if rule.by == "coverage" else "cavs"
        owner = f"model_id = {self._candidate.model.model_id}"
        evidence = (
            f"SELECT * FROM {table} WHERE {owner} AND verdict NOT IN ('covered', 'present') ORDER BY auc"
        )
        lost = "none" if not rule.max_lost else f"at most {rule.max_lost}"
        kind = f" of kind {rule.kind}" if rule.kind else ""
        blank = _verdict(rule, f"concepts{kind} lost, by {rule.by}", f"{lost} lost", evidence)
        if self._comparison is None:
            yield _skipped(rule, blank, NO_BASELINE)
            return
        found = concept_verdict(rule, self._candidate.summary.concepts, self._comparison.old.concepts)
        compared = replace(
            blank, how=found.how, n=found.n, unit="concepts", value=found.lost, judged=found.lost
        )
        if found.missing:
            yield _missing(rule, blank, found.missing)
        elif found.place is Place.OUTSIDE:
            yield _broken(rule, compared, found.said)
        else:
            kind_ = Kind.PASS if found.place is Place.INSIDE else Kind.UNDECIDED
            yield _Draft(rule, replace(compared, verdict=kind_, said=found.said))


def _verdict(rule: Rule, subject: str, threshold: str, evidence: str) -> Verdict:
    return Verdict(
        rule.name,
        subject,
        Kind.ERROR,
        threshold,
        "",
        "",
        rule.why,
        rule.line,
        evidence,
        optional=rule.optional,
    )


def _wanted(rule: MetricRule) -> str:
    where = dict(rule.where) | ({"intervention": rule.intervention} if rule.intervention else {})
    parts = ", ".join(f"{key}={value}" for key, value in where.items())
    return f"{rule.metric} {{{parts}}}" if parts else rule.metric


def _without(rule: Rule, subject: str, threshold: str, said: str) -> _Draft:
    return _missing(rule, _verdict(rule, subject, threshold, ""), said)


def _missing(rule: Rule, verdict: Verdict, said: str) -> _Draft:
    # A rule that only warns cannot stop a model, not even by lacking its data.
    needed = Kind.ERROR if rule.severity is Severity.ERROR else Kind.WARN
    return _Draft(rule, replace(verdict, verdict=Kind.SKIPPED if rule.optional else needed, said=said))


def _skipped(rule: Rule, verdict: Verdict, said: str) -> _Draft:
    return _Draft(rule, replace(verdict, verdict=Kind.SKIPPED, said=said))


def _broken(rule: Rule, verdict: Verdict, said: str) -> _Draft:
    kind = Kind.FAIL if rule.severity is Severity.ERROR else Kind.WARN
    return _Draft(rule, replace(verdict, verdict=kind, said=said))


def _judged(
    rule: MetricRule,
    bound: Bound,
    verdict: Verdict,
    value: float,
    low: float | None,
    high: float | None,
    error: float | None,
) -> _Draft:
    """Undecided until corrected where there is an interval; final where there is none."""
    judged = replace(verdict, judged=value, low=low, high=high)
    least = rule.min_n if rule.min_n is not None else (LEAST_USERS if verdict.unit == "users" else 0)
    if verdict.n is not None and verdict.n < least:
        said = f"rests on {verdict.n:,} {verdict.unit}, fewer than {least:,}"
        return _Draft(rule, replace(judged, verdict=Kind.UNDECIDED, said=said))
    place = judging.placed(value, low, high, bound.allowed)
    if error is None:
        said = f"{_shown(value, bound)} is {'within' if place is Place.INSIDE else 'beyond'} what is asked"
        if place is Place.INSIDE:
            return _Draft(rule, replace(judged, verdict=Kind.PASS, said=said))
        return _broken(rule, judged, said)
    return _Draft(rule, judged, place, judging.p_allowed(value, error, bound.allowed))


def _corrected(drafts: list[_Draft]) -> list[Verdict]:
    """Benjamini-Hochberg within each family of rules; a check fails only where its interval lies wholly outside and
    its q is no more than one end of a 95 % interval."""
    families: dict[str, list[int]] = {}
    for place, draft in enumerate(drafts):
        if draft.p is not None:
            families.setdefault(draft.rule.family, []).append(place)
    found = [draft.verdict for draft in drafts]
    for places in families.values():
        qs = judging.false_discoveries([p for place in places if (p := drafts[place].p) is not None])
        for place, q in zip(places, qs, strict=True):
            found[place] = _decided(drafts[place], q, len(places))
    return found


def _decided(draft: _Draft, q: float, tested: int) -> Verdict:
    verdict = replace(draft.verdict, q=q, tested=tested)
    assert verdict.low is not None
    assert verdict.high is not None
    interval = f"[{verdict.low:.4g}, {verdict.high:.4g}]"
    if draft.place is Place.INSIDE:
        return replace(verdict, verdict=Kind.PASS, said=f"{interval} lies within what is asked")
    if draft.place is Place.NEITHER:
        said = f"{interval} lies on both sides of the threshold: the data cannot tell"
        return replace(verdict, verdict=Kind.UNDECIDED, said=said)
    if q > judging.ALPHA:
        said = f"{interval} lies beyond the threshold, but of {tested} checks one may by chance (q = {q:.2g})"
        return replace(verdict, verdict=Kind.UNDECIDED, said=said)
    return _broken(draft.rule, verdict, f"{interval} lies wholly beyond the threshold").verdict


def _shown(value: float, bound: Bound) -> str:
    return f"{value * 100:.3g} %" if bound.relative else f"{value:.4g}"


def _waived(policy: Policy, verdict: Verdict, today: date) -> Verdict:
    waivers = [waiver for waiver in policy.waivers if waiver.gate == verdict.gate]
    if not waivers or verdict.verdict in (Kind.PASS, Kind.SKIPPED):
        return verdict
    newest = max(waivers, key=lambda waiver: waiver.until)
    by = f"{printable(newest.owner)}: {printable(newest.reason)}"
    if newest.until < today:
        return replace(verdict, said=f"{verdict.said} (its waiver ended on {newest.until}; {by})")
    said = f"waived until {newest.until} by {by}; without it: {verdict.verdict}, {verdict.said}"
    return replace(verdict, verdict=Kind.WAIVED, waived_from=verdict.verdict, said=said)
