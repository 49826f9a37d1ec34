"""What the summary tells of gates."""

import pandas as pd
import pytest

from recaudit.report.html import verdicts


def kept(*judged, policy="default"):
    return pd.DataFrame(
        [
            {
                "policy": policy,
                "gate": f"g{place}",
                "verdict": verdict,
                "said": "said <b>",
                "evidence": "SELECT 1",
            }
            for place, verdict in enumerate(judged)
        ],
        columns=["policy", "gate", "verdict", "said", "evidence"],
    )


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [
        ((), ""),
        (("pass", "pass", "skipped"), "Gate default: no rule failed (2 passed, 1 skipped)."),
        (("pass", "fail", "warn"), "Gate default: failed (1 failed, 1 warned, 1 passed)."),
        (("fail", "error"), "Gate default: failed (1 failed, 1 could not be judged)."),
        (("error", "pass"), "Gate default: no verdict (1 could not be judged, 1 passed)."),
        (("skipped", "skipped"), "Gate default: no verdict (2 skipped)."),
        (("undecided", "waived"), "Gate default: no rule failed (1 undecided, 1 waived)."),
    ],
)
def test_each_policy_in_a_sentence(judged, sentence):
    assert verdicts.said(kept(*judged)) == sentence


def test_policies_stand_side_by_side():
    both = pd.concat([kept("fail", policy="b"), kept("pass", policy="a\x1b")])
    assert verdicts.said(both) == "Gate a\\x1b: no rule failed (1 passed). Gate b: failed (1 failed)."


def test_what_did_not_pass_is_a_finding():
    found = verdicts.findings(kept("pass", "fail", "undecided", "waived"))
    assert [(one.severity, one.word, one.sentence) for one in found] == [
        ("serious", "Gate failed", "g1: said <b>"),
        ("warning", "Gate undecided", "g2: said <b>"),
    ]
    assert found[0].sql == "SELECT 1"
