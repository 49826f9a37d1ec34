"""The truth table: intervals x rules -> verdicts -> exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from recaudit.analyses.diff.summary import Concept
from recaudit.errors import ExitCode
from recaudit.gates import check, read_policy
from recaudit.gates.baseline import Baseline
from tests.gates import make

TODAY = date(2026, 6, 1)


def run(tmp_path, rules, summary, baseline=None, *, strict=False, today=TODAY, **known):
    beside = None if baseline is None else Baseline("b", baseline)
    policy = read_policy(make.policy(tmp_path, rules))
    return check(policy, make.candidate(summary, **known), beside, today=today, strict=strict)


def rule(bound: str, more: str = "") -> str:
    return f'[[gate]]\nname = "g"\nmetric = "ranking.ndcg@10"\n{bound}\n{more}\n'


INSIDE, OUTSIDE, ACROSS = (0.5, 0.45, 0.55), (0.1, 0.05, 0.15), (0.3, 0.25, 0.35)


@pytest.mark.parametrize(
    ("number", "bound", "more", "strict", "verdict", "code"),
    [
        (INSIDE, "min = 0.3", "", False, "pass", 0),
        (OUTSIDE, "min = 0.3", "", False, "fail", 1),
        (ACROSS, "min = 0.3", "", False, "undecided", 0),
        (ACROSS, "min = 0.3", "", True, "undecided", 3),
        (INSIDE, "max = 0.3", "", False, "fail", 1),
        (OUTSIDE, "max = 0.3", "", False, "pass", 0),
        (ACROSS, "max = 0.3", "", False, "undecided", 0),
        (OUTSIDE, "min = 0.3", 'severity = "warn"', False, "warn", 0),
        (OUTSIDE, "min = 0.3", 'severity = "warn"', True, "warn", 0),
        (INSIDE, "min = 0.3", "min_n = 101", False, "undecided", 0),
        (OUTSIDE, "min = 0.3", "min_n = 101", True, "undecided", 3),
        (INSIDE, "min = 0.45", "", False, "pass", 0),  # ends are inside
        (INSIDE, "max = 0.55", "", False, "pass", 0),
        ((0.5, None, None), "min = 0.3", "", False, "pass", 0),
        ((0.1, None, None), "min = 0.3", "", False, "fail", 1),
        (INSIDE, "max_drop = 0.1", "", False, "skipped", 3),  # nothing was checked
        (INSIDE, "min = 0.3", 'where = { ranking = "x" }', False, "error", 3),
        (INSIDE, "min = 0.3", 'where = { ranking = "x" }\noptional = true', False, "skipped", 3),
    ],
)
def test_truth_table(tmp_path, number, bound, more, strict, verdict, code):
    found = run(tmp_path, rule(bound, more), make.number(*number), strict=strict)
    assert [one.verdict for one in found.verdicts] == [verdict]
    assert found.exit_code == code


@pytest.mark.parametrize(
    ("shift", "bound", "verdict"),
    [
        (0.0, "max_drop = 0.0", "pass"),  # the same model, exactly
        (0.0, 'within = "1%"', "pass"),
        (-0.2, "max_drop = 0.05", "fail"),
        (-0.2, 'max_drop = "5%"', "fail"),
        (-0.2, "max_rise = 0.05", "pass"),
        (0.2, "max_rise = 0.05", "fail"),
        (0.2, "within = 0.05", "fail"),
        (-0.2, "within = 0.05", "fail"),
    ],
)
@pytest.mark.parametrize("first", [0, 10_000], ids=["paired", "unpaired"])
def test_changes(tmp_path, shift, bound, verdict, first):
    rng = np.random.default_rng(0)
    good, bad = rng.integers(1, 12, 2000), rng.integers(8, 40, 2000)
    new, old = {0.0: (good, good), -0.2: (bad, good), 0.2: (good, bad)}[shift]
    found = run(tmp_path, rule(bound), make.ranked(new, first), make.ranked(old))
    (one,) = found.verdicts
    if first and shift == 0.0:
        # Without pairing not even the same model can be shown to be unchanged.
        assert one.verdict in ("undecided", "pass")
    else:
        assert one.verdict == verdict
    assert ("unpaired" in one.how) is bool(first)
    assert one.baseline_value == pytest.approx(old_value(old), abs=1e-4)


def old_value(ranks):
    return np.where(ranks <= 10, 1 / np.log2(ranks + 1.0), 0).mean()


def test_pairing_narrows_the_interval(tmp_path):
    rng = np.random.default_rng(1)
    old = rng.integers(1, 30, 1000)
    new = np.where(rng.random(1000) < 0.05, old + 1, old)
    width = {}
    for first in (0, 5000):
        (one,) = run(tmp_path, rule("max_drop = 0.05"), make.ranked(new, first), make.ranked(old)).verdicts
        width[first] = one.high - one.low
    assert width[0] < width[5000] / 5


def test_paired_interval_is_that_of_the_mean_difference(tmp_path):
    """Against scipy's bootstrap of the per-user differences."""
    from scipy.stats import bootstrap

    rng = np.random.default_rng(2)
    new, old = rng.integers(1, 20, 500), rng.integers(1, 20, 500)
    (one,) = run(tmp_path, rule("max_drop = 0.0"), make.ranked(new), make.ranked(old)).verdicts
    difference = (
        make.ranked(new).users.columns["original/ndcg@10"]
        - make.ranked(old).users.columns["original/ndcg@10"]
    )
    expected = bootstrap((difference,), np.mean, method="percentile", rng=0).confidence_interval
    assert one.judged == pytest.approx(difference.mean())
    assert (one.low, one.high) == pytest.approx(tuple(expected), abs=0.1 * (expected.high - expected.low))


def test_other_held_out_items_are_told(tmp_path):
    ranks = np.arange(1, 101)
    (one,) = run(
        tmp_path, rule("max_drop = 0.1"), make.ranked(ranks, held_out="other"), make.ranked(ranks)
    ).verdicts
    assert "what is held out differs" in one.how


def many(count: int, family: str = "") -> str:
    return "\n".join(
        f'[[gate]]\nname = "g{i}"\nmetric = "ranking.ndcg@10"\nmin = 0.3\n{family}' for i in range(count)
    )


def test_many_rules_are_corrected_and_say_how_many(tmp_path):
    barely = make.number(0.249, 0.20, 0.298)  # beyond .3 by its interval: p = .02
    assert [v.verdict for v in run(tmp_path, many(1), barely).verdicts] == ["fail"]
    mixed = many(1) + "\n" + many(40).replace('"g', '"h').replace("min = 0.3", "min = 0.1")
    found = run(tmp_path, mixed, barely)
    assert found.verdicts[0].verdict == "undecided"
    assert found.verdicts[0].tested == 41
    assert "of 41 checks" in found.verdicts[0].said
    alone = mixed.replace("min = 0.3", 'min = 0.3\nfamily = "own"')
    assert run(tmp_path, alone, barely).verdicts[0].verdict == "fail"


def test_a_failure_outweighs_an_error_and_both_are_shown(tmp_path):
    rules = rule("min = 0.3") + '[[gate]]\nname = "h"\nmetric = "sae.l0"\nmin = 1\n'
    found = run(tmp_path, rules, make.number(*OUTSIDE))
    assert [v.verdict for v in found.verdicts] == ["fail", "error"]
    assert found.exit_code == ExitCode.GATE_FAILED
    assert "recaudit report" in found.verdicts[1].said


def test_no_rules_is_no_pass(tmp_path):
    found = run(tmp_path, 'about = "nothing"\n', make.number(*INSIDE))
    assert found.exit_code == ExitCode.NO_VERDICT


WAIVER = '[[waiver]]\ngate = "g"\nreason = "retraining"\nowner = "kim"\nuntil = 2026-06-01\n'


@pytest.mark.parametrize(
    ("today", "verdict", "code"),
    [(date(2026, 6, 1), "waived", 0), (date(2026, 6, 2), "fail", 1)],
)
def test_waivers_hold_through_their_last_day(tmp_path, today, verdict, code):
    found = run(tmp_path, rule("min = 0.3") + WAIVER, make.number(*OUTSIDE), today=today)
    assert found.verdicts[0].verdict == verdict
    assert found.exit_code == code
    assert "kim" in found.verdicts[0].said
    assert "retraining" in found.verdicts[0].said


def test_a_waived_error_alone_is_still_no_pass(tmp_path):
    found = run(tmp_path, rule("min = 0.3", 'where = { ranking = "x" }') + WAIVER, make.number(*INSIDE))
    assert found.verdicts[0].verdict == "waived"
    assert found.exit_code == ExitCode.NO_VERDICT


FINDINGS = [
    {"code": "a", "severity": "serious", "sentence": "S.", "evidence": ""},
    {"code": "b", "severity": "info", "sentence": "I.", "evidence": ""},
]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ('finding = "*"\nallow = "warning"', "fail"),
        ('finding = "b"', "fail"),
        ('finding = "b"\nallow = "info"', "pass"),
        ('finding = "c*"', "pass"),
    ],
)
def test_findings(tmp_path, said, verdict):
    found = run(tmp_path, f'[[gate]]\nname = "g"\n{said}\n', make.number(*INSIDE), findings=FINDINGS)
    assert found.verdicts[0].verdict == verdict


RECEIPT = {
    "role": "model", "file": "m.pt", "format": "torch-zip", "sha256": "ab" * 32, "verdict": "clean",
    "stubs": json.dumps({"a.B": 1}), "notes": json.dumps([{"level": "warning", "message": "odd"}]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("no stubs", "fail"),
        ("no warnings", "fail"),
        ("verdict is clean", "pass"),
        (f"sha256 is {'AB' * 32}", "pass"),
        (f"sha256 is {'cd' * 32}", "fail"),
        ("format is torch-zip", "pass"),
        ("format is npz", "fail"),
    ],
)
def test_receipts(tmp_path, said, verdict):
    found = run(
        tmp_path, f'[[gate]]\nname = "g"\nreceipt = "{said}"\n', make.number(*INSIDE), receipts=[RECEIPT]
    )
    assert found.verdicts[0].verdict == verdict


def with_concepts(*held):
    base = make.number(*INSIDE)
    concepts = tuple(Concept("coverage by direct", "genre", *one) for one in held)
    return make.Summary(**{**base.__dict__, "concepts": concepts})


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        (("Horror", True, 0.78, 0.74, 0.82), "pass"),
        (("Horror", False, 0.55, 0.51, 0.59), "fail"),  # a clear fall
        (("Horror", False, 0.78, 0.70, 0.86), "undecided"),  # just missed
    ],
)
def test_concepts_lost(tmp_path, after, verdict):
    before = with_concepts(("Horror", True, 0.8, 0.76, 0.84), ("War", False, 0.5, 0.45, 0.55))
    found = run(tmp_path, '[[gate]]\nname = "g"\nconcepts = "none lost"\n', with_concepts(after), before)
    assert found.verdicts[0].verdict == verdict
    assert found.verdicts[0].n == 1


def test_wildcards_judge_every_slice(tmp_path):
    base = make.number(*INSIDE)
    numbers = tuple(
        make.Number("coverage.best_auc", {"concept": c, "kind": "genre"}, "concepts by direct", v, v - 0.01, v + 0.01, 900, "items", "higher")
        for c, v in (("Horror", 0.9), ("War", 0.5))
    )  # fmt: skip
    summary = make.Summary(**{**base.__dict__, "numbers": numbers})
    rules = '[[gate]]\nname = "g"\nmetric = "coverage.best_auc"\nwhere = { concept = "*" }\nmin = 0.7\n'
    assert [v.verdict for v in run(tmp_path, rules, summary).verdicts] == ["pass", "fail"]
    one = rules.replace('"*"', '"Horror"')
    assert [v.verdict for v in run(tmp_path, one, summary).verdicts] == ["pass"]
    unclear = rules.replace('where = { concept = "*" }\n', "")
    (told,) = run(tmp_path, unclear, summary).verdicts
    assert told.verdict == "error"
    assert "say `where`" in told.said


def test_what_is_missing_names_the_nearest_there_is(tmp_path):
    summary = make.number(*INSIDE)
    slices = [{"group": "a", "by": "age"}, {"group": "F", "by": "gender"}]
    numbers = tuple(replace(summary.numbers[0], slice=one) for one in slices)
    where = 'where = { by = "gender", group = "M" }'
    found = run(tmp_path, rule("min = 0.3", where), replace(summary, numbers=numbers))
    said = found.verdicts[0].said
    assert said.index("gender") < said.index("age")
    assert "under history" in said


def test_group_gap_is_of_the_candidates_groups(tmp_path):
    rng = np.random.default_rng(3)
    members = np.arange(2000) < 1000
    old = rng.integers(1, 12, 2000)
    new = np.where(members, rng.integers(8, 60, 2000), old)
    gap = make.Number(
        "fairness.ndcg_gap@10", {"attribute": "gender"}, "history", 0.2, 0.1, 0.3, 2000, "users", "lower"
    )
    sides = [make.Summary(**{**make.ranked(ranks).__dict__, "numbers": (gap,)}) for ranks in (new, old)]
    rules = '[[gate]]\nname = "g"\nmetric = "fairness.ndcg_gap@10"\nwhere = { attribute = "*" }\nmax_rise = 0.05\n'
    groups = {"gender=F": members, "gender=M": ~members}
    (one,) = run(tmp_path, rules, *sides, groups=groups).verdicts
    assert one.verdict == "fail"
    ndcg = [np.where(ranks <= 10, 1 / np.log2(ranks + 1.0), 0) for ranks in (new, old)]
    gaps = [abs(n[members].mean() - n[~members].mean()) for n in ndcg]
    assert one.judged == pytest.approx(gaps[0] - gaps[1], abs=1e-4)
    (same,) = run(tmp_path, rules, sides[1], sides[1], groups=groups).verdicts
    assert same.verdict == "pass"
