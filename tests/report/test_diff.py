"""How numbers of a diff are written."""

from __future__ import annotations

import pytest

from recaudit.report.diff.chapter import chance, change, hundredths, signed, table


@pytest.mark.parametrize(
    ("value", "low", "high", "written"),
    [
        (0.01042, 0.0039, 0.0169, "+0.0104 [+0.0039, +0.0169]"),
        (-0.0417, -0.0623, 0.0, "-0.0417 [-0.0623, 0.0000]"),
        (0.5, None, None, "+0.5000"),
        (None, None, None, "–"),
    ],
)
def test_changes_have_a_sign_and_their_interval(value, low, high, written):
    assert change(value, low, high) == written


@pytest.mark.parametrize(("q", "written"), [(None, "–"), (0.0, "<.001"), (0.0342, ".034"), (1.0, "1.000")])
def test_q(q, written):
    assert chance(q) == written


@pytest.mark.parametrize(
    ("value", "written"), [(-0.262, "-.26"), (0.05, "+.05"), (1.0, "+1.00"), (-0.999, "-1.00")]
)
def test_hundredths(value, written):
    assert hundredths(value) == written


def test_zero_has_no_sign():
    assert signed(0.0) == "0.0000"


def test_a_cut_table_says_where_the_rest_is():
    cut = table("t", "T", "What to see.", ["a"], [[1]], of=1200)
    assert cut.caption == "What to see. 1 of 1,200 shown; `--format json` has all."
    assert table("t", "T", "What to see.", ["a"], [[1]]).caption == "What to see."
