"""Mistakes in a policy are told with file, line and what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from recaudit.errors import UsageError
from recaudit.gates import read_policy
from recaudit.metrics.catalogue import BY_NAME
from tests.gates import make

STARTERS = sorted((Path(__file__).resolve().parents[2] / "audits" / "policies").glob("*.toml"))
HEAD = '[[gate]]\nname = "g"\n'
METRIC = HEAD + 'metric = "ranking.ndcg@10"\nmin = 0.1\n'


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (METRIC + "mim_n = 3\n", 5, "did you mean `min_n`"),
        ('abuot = "x"\n' + METRIC, 1, "did you mean `about`"),
        (HEAD + 'metric = "ranking.ndgc@10"\nmin = 1\n', 3, "did you mean `ranking.ndcg@10`"),
        (HEAD + 'metric = "ranking.ndcg@10"\n', 1, "max_drop"),
        (HEAD + "min = 1\n", 1, "metric"),
        (HEAD + 'metric = "ranking.ndcg@10"\nfinding = "*"\nmin = 1\n', 1, "is on metric and finding"),
        (HEAD + 'finding = "*"\nmin = 1\n', 4, "unknown key `min`"),
        (HEAD + 'receipt = "no stabs"\n', 3, "no stubs"),
        (METRIC + 'severity = "fatal"\n', 5, "error, warn"),
        (HEAD + 'metric = "ranking.ndcg@10"\nmin = "2%"\n', 4, "give a number"),
        (HEAD + 'metric = "ranking.ndcg@10"\nmax_drop = -0.1\n', 4, "from 0"),
        (HEAD + 'metric = "ranking.ndcg@10"\nmax_drop = "2 percent"\n', 4, "2%"),
        ('[[gate]]\nmetric = "ranking.ndcg@10"\nmin = 1\n', 1, "no `name`"),
        (METRIC + METRIC, 6, "two gates"),
        (METRIC + '[[waiver]]\ngate = "g"\nreason = "r"\nowner = "o"\n', 5, "until"),
        (METRIC + '[[waiver]]\ngate = "g"\nowner = "o"\nuntil = 2027-01-01\n', 5, "no `reason`"),
        (METRIC + '[[waiver]]\ngate = "g"\nreason = "r"\nuntil = 2027-01-01\n', 5, "no `owner`"),
        (METRIC + '[[waiver]]\ngate = "h"\nreason = "r"\nowner = "o"\nuntil = 2027-01-01\n', 6, "`g`"),
        (METRIC + '[[waiver]]\ngate = "g"\nreason = "r"\nowner = "o"\nuntil = "soon"\n', 9, "2027-01-31"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path, text, line, said):
    path = make.policy(tmp_path, text)
    with pytest.raises(UsageError) as told:
        read_policy(path)
    assert f"{path}, line {line}:" in told.value.message
    assert said in told.value.message + told.value.fix


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_starters_say_why(path):
    policy = read_policy(path)
    assert policy.rules
    assert all(rule.why.endswith(".") for rule in policy.rules)
    assert all(getattr(rule, "metric", "ranking.mrr") in BY_NAME for rule in policy.rules)


def test_five_starters():
    assert [path.stem for path in STARTERS] == [
        "default",
        "fairness",
        "interpretability",
        "popularity",
        "safety",
    ]
